/** The codes of sampled images as a token file. */
import path from "node:path";
import { createTokenFile } from "../../lib/files/tokenWriter.js";
import { codeGrid } from "../../lib/models/tokenizer.js";
import type { Codes } from "./sampleDrawing.js";
import type { SampleModels } from "./sampleModels.js";

export type SampledTokens = Codes & {
  readonly classNames: readonly string[];
  /** The tokenizer whose codes they are. */
  readonly tokenizer: SampleModels["tokenizer"];
  /** Run or file of the VIM. */
  readonly vim: string;
};

/** Writes codes in the order of the images, with their classes where they have any. */
export async function writeTokens(file: string, sampled: SampledTokens): Promise<void> {
  const { images, codes, classNames, tokenizer, vim } = sampled;
  const labels = Int32Array.from(images, ({ classId }) => (classId < classNames.length ? classId : -1));
  const labelled = labels.some((label) => label >= 0);
  const { model, hash } = tokenizer;
  const writer = await createTokenFile(file, {
    vocabulary: model.codebookSize,
    grid: codeGrid(model),
    tokenizerHash: hash,
    ...(labelled ? { classNames } : {}),
    source: `samples of ${path.resolve(vim)}`,
    extra: {
      imageSize: String(model.imageSize),
      channels: String(model.channels),
      tokenizer: path.resolve(tokenizer.path),
    },
  });
  try {
    await writer.append(codes, labelled ? labels : undefined);
    await writer.finish();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}
