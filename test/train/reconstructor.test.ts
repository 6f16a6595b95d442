import { suite } from "uvu";
import * as assert from "uvu/assert";
import { vitVqganSpec } from "../../lib/models/vitVqgan.js";
import { flattenSpecs, initialise } from "../../lib/nn/params.js";
import { createDecoder, createEncoder } from "../../lib/sample/codec.js";
import { createReconstructor } from "../../lib/train/reconstructor.js";
import { expectClose } from "../support.js";
import { engine, imagesOf, TOKENIZER } from "./support.js";

const test = suite("train/reconstructor");

const weightsOf = (seed: number) => initialise(flattenSpecs(vitVqganSpec(TOKENIZER)), seed);

test("a reconstruction is the image decoded from its codes, for any number of images and by the weights given", async () => {
  const options = { engine: await engine(), model: TOKENIZER, batchSize: 3 };
  const reconstructor = await createReconstructor(options);
  const images = imagesOf(0); // 4 images
  for (const seed of [1, 2]) {
    const weights = weightsOf(seed);
    const [encoder, decoder] = [
      await createEncoder({ ...options, weights }),
      await createDecoder({ ...options, weights }),
    ];
    const want = await decoder.decode(await encoder.encode(images));
    expectClose(await reconstructor.reconstruct(weights, images), want, `seed ${seed}`, { absolute: 1e-5 });
    await encoder.close();
    await decoder.close();
  }
  await reconstructor.close();
});

test("reconstructions lie in [0, 1]", async () => {
  const weights = weightsOf(1);
  const { data } = weights["decoder/pixels/bias"]!;
  data.fill(100, 0, data.length / 4); // means far above and, for the others, far below
  data.fill(-100, data.length / 4, data.length / 2);
  const reconstructor = await createReconstructor({ engine: await engine(), model: TOKENIZER, batchSize: 4 });
  const images = await reconstructor.reconstruct(weights, imagesOf(0));
  await reconstructor.close();
  assert.equal([...new Set(images)].sort(), [0, 1]);
});

test.run();
