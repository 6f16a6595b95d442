/**
 * Times the gradients of the StyleGAN2 discriminator's parameters: of the logistic loss on one batch, or of R1.
 *
 *     node dist/bench/discriminatorStep.js [--loss logistic|r1] [--size 64] [--scale 1] [--batch 8] [--threads 2]
 *         [--warmup 1] [--steps 3] [--serve]
 *
 * Prints JSON lines (see bench/serve.ts); the other side is bench/pytorch/discriminator_step.py.
 */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { engineVersions, openEngine } from "../lib/engine/open.js";
import type { HostTensor, Step } from "../lib/engine/types.js";
import { generatorLoss } from "../lib/losses/adversarial.js";
import { r1Penalty } from "../lib/losses/r1.js";
import { type DiscriminatorConfig, discriminate, discriminatorSpec } from "../lib/models/styleganDiscriminator.js";
import { valueAndGradients } from "../lib/nn/gradients.js";
import { countParameters, flattenSpecs, initialise, paramTree } from "../lib/nn/params.js";
import { rngFrom } from "../lib/random.js";
import { sizeOf } from "../lib/shapes.js";
import { inputSpecs } from "../lib/train/named.js";
import { lossAlone } from "./inParts.js";
import { oneOf, positiveInteger, scale } from "./options.js";
import { SERVE_OPTIONS, serveSteps } from "./serve.js";

const { values } = parseArgs({
  options: {
    loss: { type: "string", default: "logistic" },
    size: { type: "string", default: "64" },
    scale: { type: "string", default: "1" },
    batch: { type: "string", default: "8" },
    threads: { type: "string", default: String(availableParallelism()) },
    ...SERVE_OPTIONS,
    warmup: { type: "string", default: "1" },
    steps: { type: "string", default: "3" },
  },
});

const SEED = 1;
const GAMMA = 10;
const channelScale = scale("scale", values.scale);
const form = oneOf("loss", values.loss, ["logistic", "r1"]);
const config: DiscriminatorConfig = {
  imageSize: positiveInteger("size", values.size),
  channels: 3,
  channelScale,
  maxChannels: Math.round(512 * channelScale),
};
const batch = positiveInteger("batch", values.batch);
const spec = discriminatorSpec(config);
const specs = flattenSpecs(spec);

/** Inputs: parameters by name and `images`. Outputs: `loss` and the gradients by parameter name. */
const gradientStep: Step = ({ images, ...params }) => {
  const discriminator = (x: Parameters<typeof discriminate>[2]) => discriminate(paramTree(spec, params), config, x);
  const { loss, gradients } = valueAndGradients(
    () =>
      form === "r1"
        ? { loss: r1Penalty(discriminator, images!, GAMMA) }
        : { loss: generatorLoss("logistic", discriminator(images!)) },
    params,
  );
  return {
    loss,
    ...Object.fromEntries(Object.entries(gradients).map(([name, tensor]) => [`gradient/${name}`, tensor])),
  };
};

function randomImages(): HostTensor {
  const shape = [batch, config.imageSize, config.imageSize, config.channels];
  const rng = rngFrom(SEED);
  const data = Float32Array.from({ length: sizeOf(shape) }, () => rng.normal());
  return { dtype: "float32", shape, data };
}

const engine = await openEngine("onnxruntime", {
  threads: positiveInteger("threads", values.threads),
  spinning: values.spin,
});
const inputs = { ...initialise(specs, SEED), images: randomImages() };
const imageSpec = { dtype: "float32", shape: inputs.images.shape } as const;
const program = await engine.compile(gradientStep, {
  name: `discriminator ${form}`,
  inputs: { ...inputSpecs(specs), images: imageSpec },
});

const parameters = countParameters(specs);
await serveSteps(values, {
  ready: { loss: form, config, batch, parameters, versions: engineVersions(engine) },
  step: async () => lossAlone(await program.run(inputs), "loss"),
});
