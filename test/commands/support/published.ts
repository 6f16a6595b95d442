/** Golden weights of other programs as the files that `import` is given, and what their programs make of images. */

import { loadTokenizer } from "../../../commands/support/models.js";
import { createOnnxEngine } from "../../../lib/engine/onnxruntime.js";
import type { NamedHostTensors } from "../../../lib/engine/types.js";
import { createDecoder, createEncoder } from "../../../lib/sample/codec.js";
import { sizeOf } from "../../../lib/shapes.js";
import { op, zipCheckpoint } from "../../files/torch/torchSupport.js";
import { golden } from "../../models/support/golden.js";
import { tensorGroups } from "../../models/support/taming.js";
import { fixture } from "../../support.js";

const FILES = {
  enhancing: {
    name: "vitvq_tiny.safetensors",
    flags: ["--head-dim", "8"],
    images: "in.image",
    reconstructions: "out.recon_from_codes",
  },
  taming: {
    name: "cnn_vqgan_tiny.safetensors",
    flags: ["--image-size", "16", "--groups", "2"],
    images: "in.images",
    reconstructions: "out.image",
  },
} as const;

export type Published = keyof typeof FILES;

/** The model's tensors by their names there. */
export async function publishedWeights(which: Published): Promise<NamedHostTensors> {
  return (await tensorGroups(FILES[which].name))["param"]!;
}

/** Arguments that import a golden file. */
export const importing = (which: Published, out: string, ...more: string[]): string[] => [
  ...["import", fixture("golden", FILES[which].name), "--prefix", "param", "--out", out],
  ...FILES[which].flags,
  ...more,
];

/** A checkpoint as Lightning saves it, of float32 tensors. */
export function lightningCheckpoint(tensors: NamedHostTensors): Buffer {
  const entries = Object.entries(tensors);
  const state = entries.flatMap(([name, { shape, data }], i) => {
    const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
    const storage = op.storage({ key: String(i), length: data.length });
    return [op.text(name), op.tensor(storage, { shape: [...shape], strides })];
  });
  const root = op.dict(op.text("epoch"), op.integer(3), op.text("state_dict"), op.dict(...state));
  const bytes = (data: Float32Array | Int32Array) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return zipCheckpoint(
    root,
    entries.map(([, { data }], i) => ({ name: `x/data/${i}`, content: bytes(data) })),
  );
}

export type Behaviour = { codes: number[]; images: ArrayLike<number> };

/** Codes of the golden images, and images of those codes within [0, 1], as the program that made the file has them. */
export async function wanted(which: Published): Promise<Behaviour> {
  const { name, reconstructions } = FILES[which];
  const { out } = await tensorGroups(name);
  const images = (await golden(name)).images(reconstructions).data;
  return { codes: [...out!["codes"]!.data], images: images.map((value) => Math.min(1, Math.max(0, value))) };
}

/** The golden images, [2, H, W, 3]. */
export async function goldenImages(which: Published): Promise<Float32Array> {
  const { name, images } = FILES[which];
  return (await golden(name)).images(images).data as Float32Array;
}

/** The same by a run of ours; the images are those of the golden codes. */
export async function behaviourOf(run: string, which: Published): Promise<Behaviour> {
  const tokenizer = await loadTokenizer(run);
  const codec = { engine: await createOnnxEngine({ threads: 1 }), ...tokenizer, batchSize: 2 };
  const [encoder, decoder] = [await createEncoder(codec), await createDecoder(codec)];
  const codes = await encoder.encode(await goldenImages(which));
  const images = await decoder.decode(Int32Array.from((await wanted(which)).codes));
  await encoder.close();
  await decoder.close();
  return { codes: [...codes], images };
}
