/** Images as the codes of which a part is kept. */
import { sequentialBatches } from "../../lib/data/batches.js";
import { centredView } from "../../lib/data/view.js";
import { evenBatch } from "../../lib/engine/evenBatch.js";
import type { Engine } from "../../lib/engine/types.js";
import { codesPerImage, type TokenizerConfig } from "../../lib/models/tokenizer.js";
import { createEncoder } from "../../lib/sample/codec.js";
import type { Reporter } from "../../lib/ui/progress.js";
import type { LoadedModel } from "../support/models.js";
import { createSpread } from "../support/spread.js";
import type { Task } from "./completionPlan.js";
import { leftOut } from "./damagedImages.js";

/** An image that the picture shows, [H, W, C] in [0, 1]. */
export type ShownOriginal = { readonly row: number; readonly pixels: Float32Array };

export type Originals = {
  /** Places in the task's source of the N images that could be read. */
  readonly indices: readonly number[];
  /** [N, T] */
  readonly codes: Int32Array;
  /** Some of them, class by class. */
  readonly shown: readonly ShownOriginal[];
  readonly damaged: number;
};

type Encoding = {
  readonly engine: Engine;
  readonly tokenizer: LoadedModel<TokenizerConfig>;
  readonly batchSize: number;
  readonly resize: "cover" | "squash";
  readonly strict: boolean;
  readonly reporter: Reporter;
};

const SHOWN = 20; // rows of a picture that still fits on a page

/** @throws DataError when an image is damaged and `strict`, or all of them are */
export async function encodeOriginals({ source, classIds }: Task, options: Encoding): Promise<Originals> {
  const { engine, tokenizer, resize, strict, reporter } = options;
  const { model, weights } = tokenizer;
  const batchSize = evenBatch(source.count, options.batchSize);
  const T = codesPerImage(model);
  const view = { size: model.imageSize, channels: model.channels };
  const encoder = await createEncoder({ engine, model, weights, batchSize });
  const batches = sequentialBatches({
    source,
    view,
    place: () => centredView(view, resize),
    batchSize,
    strict,
    onDamaged: leftOut((warning) => reporter.warn(warning)),
  });
  const places: number[] = [];
  const all = new Int32Array(source.count * T);
  const shown = createSpread<ShownOriginal>(SHOWN);
  const bar = reporter.bar({ total: source.count, unit: "images", label: "encoding" });
  try {
    for await (const { images, indices } of batches) {
      all.set(await encoder.encode(images), places.length * T);
      const size = images.length / indices.length;
      for (const [b, index] of indices.entries()) {
        const row = places.push(index) - 1;
        shown.offer(classIds[index]!, () => ({ row, pixels: images.slice(b * size, (b + 1) * size) }));
      }
      bar.update(places.length);
    }
  } finally {
    bar.stop();
    await encoder.close();
  }
  const codes = all.subarray(0, places.length * T);
  const byClass = shown.items().sort((a, b) => a.label - b.label);
  return { indices: places, codes, shown: byClass.map(({ item }) => item), damaged: batches.damaged.length };
}
