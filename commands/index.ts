import type { CommandEntry } from "./support/program.js";

/** Every command in the order of work: its name, its line in `vitvq --help`, and how to load it. */
export const commands = {
  "train-vq": {
    describe: "Train an image tokenizer (stage 1)",
    load: async () => (await import("./trainVq.js")).trainVq,
  },
  import: {
    describe: "Turn a model trained with PyTorch, stage 1 or 2, into a run for the other commands",
    load: async () => (await import("./import.js")).importModel,
  },
  encode: {
    describe: "Turn images into a token file, and report codebook usage",
    load: async () => (await import("./encode.js")).encode,
  },
  decode: {
    describe: "Turn a token file back into PNGs or one picture",
    load: async () => (await import("./decode.js")).decode,
  },
  evaluate: {
    describe: "Measure how well a tokenizer reconstructs, a VIM predicts codes, or how good samples are",
    load: async () => (await import("./evaluate.js")).evaluate,
  },
  "train-vim": {
    describe: "Train a VIM, the autoregressive Transformer over codes (stage 2)",
    load: async () => (await import("./trainVim.js")).trainVim,
  },
  sample: {
    describe: "Draw new images, class by class",
    load: async () => (await import("./sample.js")).sample,
  },
  probe: {
    describe: "Measure what a VIM has learned: a linear classifier on the features of each block",
    load: async () => (await import("./probe.js")).probe,
  },
  classify: {
    describe: "Name the classes of images or codes, with a classifier that probe wrote",
    load: async () => (await import("./classify.js")).classify,
  },
  report: {
    describe: "Gather runs, evaluations, samples and probes into one summary with curves",
    load: async () => (await import("./report.js")).report,
  },
  export: {
    describe: "Write a tokenizer as ONNX files for other runtimes and safetensors for PyTorch",
    load: async () => (await import("./export.js")).exportTokenizer,
  },
  bench: {
    describe: "Measure how fast this machine trains, encodes, decodes, samples and loads images",
    load: async () => (await import("./bench.js")).bench,
  },
  doctor: {
    describe: "Say which engines and devices are here, and what to do about the others",
    load: async () => (await import("./doctor.js")).doctor,
  },
} as const satisfies Record<string, CommandEntry>;
