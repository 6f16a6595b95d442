/** Rejection by an ONNX classifier: it sees the decoded images, whatever their codes. */
import { existsSync } from "node:fs";
import path from "node:path";
import { FileError, UsageError } from "../../lib/errors.js";
import { fileHash } from "../../lib/files/fileHash.js";
import { type ClassifierSpec, outputsOf, readClassifierSpec } from "../../lib/probe/classifierSpec.js";
import { type ImageClassifier, openImageClassifier } from "../../lib/probe/imageClassifier.js";
import { createDecoder } from "../../lib/sample/codec.js";
import {
  type Asked,
  expectKnown,
  type Judge,
  type JudgedImages,
  type Judging,
  type Wanted,
  wantedNames,
} from "./sampleJudge.js";

export const isOnnxFile = (file: string): boolean => file.toLowerCase().endsWith(".onnx");

/** Images in a run of the classifier, where its model leaves that open. */
const BATCH = 16;

/**
 * Reads model and spec and checks that they fit each other and the classes to be drawn.
 * @throws UsageError when there is no spec, or it does not know a class
 * @throws FileError when model or spec are damaged or do not fit each other
 */
export async function openImageJudge(
  asked: Asked,
  { classNames, classIds }: Omit<Wanted, "tokenizerHash">,
): Promise<Judge> {
  const { rejectWith: file, threads } = asked;
  const spec = await readClassifierSpec(specFile(asked));
  expectKnown(wantedNames({ classNames, classIds }), (name) => outputsOf(spec, name).length > 0);
  const open = () =>
    openImageClassifier(file, { spec, batchSize: BATCH, ...(threads === undefined ? {} : { threads }) });
  const tried = await open(); // now, not after hours of drawing
  await tried.close();
  const outputs = (id: number) => outputsOf(spec, classNames[id]!);
  for (const id of classIds) expectOutputs(file, outputs(id), tried.outputs);
  return {
    facts: { classifier: path.resolve(file), sha256: await fileHash(file), spec },
    confidences: async (drawn, tools) => {
      const classifier = await open();
      try {
        return await judged(drawn, { file, classifier, outputs, ...tools });
      } finally {
        await classifier.close();
      }
    },
  };
}

/** The spec given, else the model's own: `model.json` beside `model.onnx`. */
function specFile({ rejectWith, classifierSpec }: Asked): string {
  if (classifierSpec !== undefined) return classifierSpec;
  const beside = rejectWith.replace(/\.onnx$/i, ".json");
  if (existsSync(beside)) return beside;
  const example = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], classIndex: { cat: [281, 282] } };
  throw new UsageError(
    `--classifier-spec: ${rejectWith} does not say how images become its input and what its outputs mean; give a JSON ` +
      `file, as ${JSON.stringify(example satisfies ClassifierSpec)}, or lay it beside as ${path.basename(beside)}`,
  );
}

function expectOutputs(file: string, wanted: readonly number[], there: number | undefined): void {
  const beyond = wanted.find((index) => there !== undefined && index >= there);
  if (beyond === undefined) return;
  throw new FileError(`${file}: it has ${there} outputs, the classifier's spec names output ${beyond} (from 0)`);
}

type Work = Judging & {
  readonly file: string;
  readonly classifier: ImageClassifier;
  readonly outputs: (classId: number) => readonly number[];
};

/** Decodes and judges a few images at a time. */
async function judged({ codes, classIds }: JudgedImages, work: Work): Promise<Float32Array> {
  const { file, classifier, outputs, engine, decoder, batch } = work;
  const { model, weights } = decoder;
  const batchSize = Math.min(batch.decode, classIds.length);
  const T = codes.length / classIds.length;
  const size = { height: model.imageSize, width: model.imageSize, channels: model.channels };
  const program = await createDecoder({ engine, model, weights, batchSize });
  const confidence = new Float32Array(classIds.length);
  try {
    for (let done = 0; done < classIds.length; done += batchSize) {
      const own = classIds.slice(done, done + batchSize);
      const images = await program.decode(codes.subarray(done * T, (done + own.length) * T));
      const probabilities = await classifier.classify({ images, size });
      const C = probabilities.length / own.length;
      for (const [i, id] of own.entries()) {
        expectOutputs(file, outputs(id), C);
        confidence[done + i] = outputs(id).reduce((sum, c) => sum + probabilities[i * C + c]!, 0);
      }
    }
  } finally {
    await program.close();
  }
  return confidence;
}
