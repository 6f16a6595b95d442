/** Options of the networks and losses of stage 1. */
import { CNN_LAYOUTS } from "../../lib/models/sizes.js";
import type { OptionTable } from "./options.js";

const SIZES = ["tiny", "small", "base", "large"] as const;
const [MODEL, LOSSES] = ["Model", "Losses"] as const;

/** The published network with ViT-VQGAN's grid. */
const CNN = CNN_LAYOUTS.f8;

/** Far more than anything that was ever trained, and little enough for the arrays of one such size to exist. */
const [MOST_WIDE, MOST_DEEP, MOST_CODES, MOST_PIXELS] = [2 ** 16, 2 ** 10, 2 ** 20, 2 ** 14];

const dimension = (describe: string, max = MOST_WIDE) =>
  ({ type: "number", integer: true, min: 1, max, describe, group: MODEL }) as const;
const weight = (value: number, describe: string) =>
  ({ type: "number", min: 0, default: value, describe, group: LOSSES }) as const;

export const modelOptions = {
  architecture: {
    type: "string",
    choices: ["vit", "cnn"],
    default: "vit",
    describe: "ViT-VQGAN, or the convolutional VQGAN it is compared with",
    group: MODEL,
  },
  imageSize: { ...dimension("Side of the images", MOST_PIXELS), default: 256, unit: "pixels" },
  channels: { type: "number", choices: [1, 3], default: 3, describe: "1 for grey, 3 for colour", group: MODEL },
  patchSize: {
    ...dimension("Side of a patch; (image / patch)^2 codes an image", MOST_PIXELS),
    default: 8,
    unit: "pixels",
  },
  encoder: { type: "string", choices: SIZES, default: "small", describe: "Size of the encoder", group: MODEL },
  decoder: { type: "string", choices: SIZES, default: "small", describe: "Size of the decoder", group: MODEL },
  encoderDim: dimension("Width of the encoder, instead of its size's"),
  encoderDepth: dimension("Blocks of the encoder", MOST_DEEP),
  encoderHeads: dimension("Attention heads of the encoder"),
  encoderMlpDim: dimension("Hidden width of the encoder's MLPs; 4 times its width when that is given"),
  decoderDim: dimension("Width of the decoder, instead of its size's"),
  decoderDepth: dimension("Blocks of the decoder", MOST_DEEP),
  decoderHeads: dimension("Attention heads of the decoder"),
  decoderMlpDim: dimension("Hidden width of the decoder's MLPs; 4 times its width when that is given"),
  activation: {
    type: "string",
    choices: ["gelu", "tanh"],
    default: "gelu",
    describe: "Activation in the MLPs",
    group: MODEL,
  },
  head: {
    type: "string",
    choices: ["tanh", "none"],
    default: "tanh",
    describe: "The paper's two-layer tanh head after each stack, or none",
    group: MODEL,
  },
  positions: {
    type: "string",
    choices: ["sincos", "learned"],
    default: "sincos",
    describe: "Position embedding",
    group: MODEL,
  },
  cnnWidth: {
    ...dimension("Channels of the CNN-VQGAN before its multipliers: 128 is x1 of the paper, 256 is x2"),
    default: CNN.width,
  },
  cnnMultipliers: {
    type: "numbers",
    integer: true,
    min: 1,
    default: CNN.widthMultipliers,
    max: MOST_WIDE,
    describe: "Width of each level over --cnn-width; every level after the first halves the image",
    group: MODEL,
  },
  cnnBlocks: {
    ...dimension("Residual blocks of a level of the encoder; the decoder has one more", MOST_DEEP),
    default: CNN.blocksPerLevel,
  },
  cnnAttention: {
    type: "numbers",
    integer: true,
    min: 1,
    mayBeEmpty: true, // no attention at all
    describe: "Sides of the levels that have attention; the grid's alone unless given",
    group: MODEL,
  },
  cnnLatentDim: { ...dimension("Channels between the convolutions and the codes"), default: CNN.latentDim },
  cnnGroups: { ...dimension("Groups of the group norms"), default: CNN.groups },
  codebookSize: { ...dimension("Number of codes", MOST_CODES), min: 2, default: 8192 },
  codeDim: { ...dimension("Width of a code"), default: 32 },
  codeDepth: {
    ...dimension("Codes a token gets, each for what those before it leave over (residual quantization)", MOST_DEEP),
    default: 1,
  },
  l2Norm: { type: "boolean", default: true, describe: "Compare latents and codes at unit length", group: MODEL },
  straightThrough: {
    type: "string",
    choices: ["normalized", "raw"],
    default: "normalized",
    describe: "Latents the straight-through step is added to; the public ports use the raw ones",
    group: MODEL,
  },
  codebookUpdate: {
    type: "string",
    choices: ["gradient", "ema"],
    default: "gradient",
    describe: "What moves the codebook: its loss, or moving averages of the latents as in VQ-VAE",
    group: MODEL,
  },
  codebookDecay: {
    type: "number",
    min: 0,
    below: 1,
    default: 0.99,
    describe: "Decay of the codebook's averages",
    group: MODEL,
  },
  codebookRestart: {
    type: "number",
    min: 0,
    below: 1,
    default: 0,
    describe: "Share of the mean number of latents a code below which one with averages is moved onto a latent",
    group: MODEL,
  },
  codebookInit: {
    type: "string",
    choices: ["normal", "uniform"],
    default: "normal",
    describe: "Start of the codebook: N(0, 1), or uniform in +-1/K as VQGAN's",
    group: MODEL,
  },
  quantizeFrom: {
    type: "number",
    integer: true,
    min: 0,
    default: 100,
    describe:
      "Step from which the decoder gets codewords; before, the latents themselves. The codebook then starts on latents, unless it is " +
      "moving averages of them",
    group: MODEL,
  },
  restartEvery: {
    type: "number",
    integer: true,
    min: 0,
    default: 20,
    describe: "Steps a code may go unused before it is moved onto a latent, 0 for never (the paper)",
    group: MODEL,
  },
} as const satisfies OptionTable;

export const lossOptions = {
  l1Weight: weight(0, "Weight of the mean absolute error"),
  l2Weight: weight(1, "Weight of the mean squared error"),
  logitLaplaceWeight: weight(0.1, "Weight of the logit-Laplace likelihood; 0 also removes its scale head"),
  perceptualWeight: {
    type: "number",
    min: 0,
    describe: "Weight of the perceptual loss; 0.1 with --vgg, 0 without",
    group: LOSSES,
  },
  perceptualForm: {
    type: "string",
    choices: ["lpips", "features"],
    default: "lpips",
    describe: "LPIPS, calibrated to what people see, or VGG-16's features as they are",
    group: LOSSES,
  },
  vgg: {
    type: "string",
    value: "file",
    describe: "VGG-16's weights: torchvision's vgg16-397923af.pth, or safetensors",
    group: LOSSES,
  },
  lpips: {
    type: "string",
    value: "file",
    describe: "LPIPS's weights of channels: vgg.pth of the lpips package",
    group: LOSSES,
  },
  vqWeight: weight(1, "Weight of codebook and commitment loss"),
  commitment: weight(0.25, "Weight of the commitment loss within the VQ loss (beta)"),
  vqReduction: {
    type: "string",
    choices: ["mean", "sum"],
    default: "mean",
    describe: "Over the code width in the VQ loss",
    group: LOSSES,
  },
  adversarialWeight: weight(0.1, "Weight of the adversarial loss; 0 trains no discriminator"),
  adversarialAdaptive: {
    type: "boolean",
    describe: "Multiply that weight by the ratio of the gradients at the last layer, as VQGAN does",
    group: LOSSES,
  },
  adversarialForm: {
    type: "string",
    choices: ["logistic", "hinge", "leastSquares"],
    default: "logistic",
    describe: "Form of the adversarial loss; logistic is non-saturating",
    group: LOSSES,
  },
  adversarialStart: {
    type: "number",
    integer: true,
    min: 0,
    default: 0,
    describe: "Step from which the adversarial loss counts",
    group: LOSSES,
  },
  discriminator: {
    type: "string",
    choices: ["stylegan", "patch"],
    default: "stylegan",
    describe: "StyleGAN2's discriminator, or PatchGAN",
    group: LOSSES,
  },
  discriminatorScale: {
    type: "number",
    above: 0,
    default: 1,
    describe: "Channels of the discriminator over the published ones",
    group: LOSSES,
  },
  r1Gamma: weight(10, "R1 gradient penalty of the discriminator"),
  r1Every: {
    type: "number",
    integer: true,
    min: 1,
    default: 16,
    describe: "Steps between R1 penalties",
    group: LOSSES,
  },
} as const satisfies OptionTable;
