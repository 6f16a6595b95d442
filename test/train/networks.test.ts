/** What networks have in common, wherever their state is. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createRepeated } from "../../lib/engine/onnxruntime.js";
import type { Engine, NamedHostTensors } from "../../lib/engine/types.js";
import { FileError } from "../../lib/errors.js";
import type { ParamSpec } from "../../lib/nn/params.js";
import { copyTensors } from "../../lib/train/ema.js";
import { createNetworks, type NetworkStart, type Networks } from "../../lib/train/networks.js";
import { residentOnHost } from "../engine/support/residentOnHost.js";
import { floats } from "../hostTensors.js";
import { expectRejection } from "../support.js";
import { engine, OPTIMIZER } from "./support.js";

const test = suite("train/networks");

const specs: Record<string, ParamSpec> = { w: { shape: [2], init: { kind: "zeros" }, decay: false } };

const ENGINES: Readonly<Record<string, () => Promise<Engine>>> = {
  "in host memory": engine,
  "on a device": async () => residentOnHost(await engine()),
  "on a device for the time of a call": async () => ({
    ...(await engine()),
    repeated: await createRepeated({ threads: 1 }),
  }),
};

function networksOn(on: Engine, initial: NetworkStart["initial"]): Networks {
  return createNetworks({ engine: on, networks: { "net/": { initial, specs, optimizer: OPTIMIZER } } });
}

for (const [where, create] of Object.entries(ENGINES)) {
  test(`${where}, weights are made once, when they are first wanted or before`, async () => {
    let made = 0;
    const networks = networksOn(await create(), () => {
      made++;
      return { w: floats([2], 1, 2) };
    });
    assert.is(made, 0);
    await networks.start();
    assert.is(made, 1);
    for (const _ of [1, 2]) assert.equal([...(await networks.weights("net/"))["w"]!.data], [1, 2]);
    assert.is(made, 1);
    await networks.close();
  });

  test(`${where}, no weights are made for a training that goes on`, async () => {
    const first = networksOn(await create(), () => ({ w: floats([2], 1, 2) }));
    const { tensors, updates } = await first.state();
    const saved: NamedHostTensors = { ...tensors, "net/params/w": floats([2], 3, 4) };
    const second = networksOn(await create(), () => {
      throw new Error("weights are made");
    });
    await second.restore({ tensors: copyTensors(saved), updates, weights: { "net/": { w: floats([2], 5, 6) } } });
    assert.equal([...(await second.weights("net/"))["w"]!.data], [5, 6], "the moving average");
    assert.equal([...(await second.state()).tensors["net/params/w"]!.data], [3, 4]);
    for (const networks of [first, second]) await networks.close();
  });

  test(`${where}, a state that does not fit changes nothing`, async () => {
    const networks = networksOn(await create(), () => ({ w: floats([2], 1, 2) }));
    const { tensors, updates } = await networks.state();
    const changed: NamedHostTensors = { ...copyTensors(tensors), "net/params/w": floats([2], 3, 4) };
    const { "net/second/w": _, ...rest } = changed;
    const weights = { "net/": { w: floats([2], 5, 6) } };
    await expectRejection(() => networks.restore({ tensors: rest, updates, weights }), FileError, /second\/w.*nothing/);
    assert.equal([...(await networks.weights("net/"))["w"]!.data], [1, 2]);
    assert.equal([...(await networks.state()).tensors["net/params/w"]!.data], [1, 2]);
    await networks.close();
  });
}

test.run();
