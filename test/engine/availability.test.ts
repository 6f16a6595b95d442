import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type EngineReport, type ProbeOptions, probeEngines, probeSharp } from "../../lib/engine/availability.js";
import { inTemporaryFolder } from "../support.js";

const test = suite("engine/availability");

const linux = { platform: "linux", arch: "x64", nodeMajor: 20 };

/** Probes with nothing installed but these packages, given by name with the text of their module. */
const probeWith = (
  packages: Readonly<Record<string, string>>,
  options: ProbeOptions = {},
): Promise<Record<EngineReport["engine"], EngineReport>> =>
  inTemporaryFolder(async (folder) => {
    for (const [name, text] of Object.entries(packages)) {
      await mkdir(path.join(folder, "node_modules", name), { recursive: true });
      await writeFile(path.join(folder, "node_modules", name, "index.js"), text);
    }
    const from = pathToFileURL(path.join(folder, "main.js")).href;
    const [onnxruntime, tensorflow] = await probeEngines({ from, system: linux, ...options });
    return { onnxruntime: onnxruntime!, tensorflow: tensorflow! };
  });

/** An ONNX Runtime that does `cpu`, and for other providers what is written here. */
const runtime = (providers: Readonly<Record<string, string>>): string => `
  const behaviour = { cpu() {}, ${Object.entries(providers).map(([name, body]) => `${name}(model) { ${body} }`)} };
  exports.env = { versions: { common: "9.8.7", node: "9.8.7" } };
  exports.Tensor = class {};
  exports.InferenceSession = {
    async create(model, { executionProviders: [provider] }) {
      await behaviour[provider](model);
      return { run: async () => ({ y: { data: Float32Array.of(9, 16) } }) };
    },
  };
`;

/** A TensorFlow that computes, on a GPU or not. */
const tensorflow = (gpu: boolean): string => `
  exports.version = { tfjs: "4.0.0", "tfjs-node": "4.5.6" };
  exports.tensor1d = (values) => values;
  exports.mul = (a, b) => ({ data: async () => Float32Array.from(a, (value, i) => value * b[i]) });
  exports.backend = () => ({ isUsingGpuDevice: ${gpu} });
`;

const deviceOf = ({ devices }: EngineReport, name: string) => {
  const found = devices.find(({ device }) => device === name);
  return found ?? assert.unreachable(`no device ${name}`);
};

const reasonOf = async (provider: "webgpu" | "cuda", body: string, options: ProbeOptions = {}) => {
  const { onnxruntime } = await probeWith({ "onnxruntime-node": runtime({ [provider]: body }) }, options);
  const device = deviceOf(onnxruntime, provider);
  assert.is(device?.works, false);
  return `${device?.reason}; ${device?.remedy}`;
};

test("the real ONNX Runtime computes on the processor, and accounts for the other devices", async () => {
  const [engine] = await probeEngines();
  assert.is(engine?.works, true);
  assert.match(engine?.version ?? "", /^1\.\d+\.\d+$/);
  const cpu = deviceOf(engine!, "cpu");
  assert.equal([cpu?.works, cpu?.trains], [true, true]);
  for (const name of ["webgpu", "cuda"]) {
    const device = deviceOf(engine!, name);
    assert.ok(device?.trains);
    assert.ok(device?.works || (device?.reason && device.cause), `${name} works or says why not`);
  }
});

test("a runtime that aborts or hangs costs its device and nothing else", async () => {
  const providers = { webgpu: "process.abort()", cuda: "return new Promise(() => setInterval(() => {}, 1000))" };
  const { onnxruntime } = await probeWith({ "onnxruntime-node": runtime(providers) }, { timeout: 3 });
  assert.is(onnxruntime.works, true);
  assert.is(onnxruntime.version, "9.8.7");
  assert.is(deviceOf(onnxruntime, "cpu")?.works, true);
  assert.is(deviceOf(onnxruntime, "webgpu")?.reason, "the process ended with SIGABRT");
  assert.is(deviceOf(onnxruntime, "cuda")?.reason, "no answer within 3 s");
});

test("a device that computes wrong numbers does not work", async () => {
  const wrong = runtime({}).replace("9, 16", "9, 15");
  const { onnxruntime } = await probeWith({ "onnxruntime-node": wrong });
  assert.is(onnxruntime.works, false);
  assert.is(deviceOf(onnxruntime, "cpu")?.reason, "computed 9,15 instead of 9,16");
});

test("what is not installed is said to be so, with the command that installs it", async () => {
  const { onnxruntime, tensorflow } = await probeWith({});
  assert.equal([onnxruntime.works, tensorflow.works], [false, false]);
  assert.is(deviceOf(onnxruntime, "cpu")?.reason, "onnxruntime-node is not installed");
  assert.match(
    deviceOf(tensorflow, "cpu")?.remedy ?? "",
    /^npm install --no-save --save-prod .*tfjs-node-gpu .*CUDA 11\.2/,
  );
  const node24 = await probeWith({}, { system: { ...linux, nodeMajor: 24 } });
  assert.match(deviceOf(node24.tensorflow, "cpu")?.remedy ?? "", /use Node 20 or 22/);
});

test("a missing Vulkan loader is told from a missing GPU", async () => {
  const vulkan = "process.stderr.write('libvulkan.so.1: cannot open shared object file\\n'); throw Error('No adapter')";
  assert.match(
    await reasonOf("webgpu", vulkan),
    /Vulkan loader \(libvulkan\.so\.1\) is missing; .*apt install libvulkan1/,
  );
  assert.match(
    await reasonOf("webgpu", "throw Error('Failed to get a WebGPU adapter')"),
    /^no GPU was found; .*Vulkan/,
  );
});

test("a device is probed for float16 apart, so that what breaks there costs nothing else", async () => {
  const halfOf = async (body: string) => {
    const fails = `if (Buffer.from(model).includes("Cast")) { ${body} }`;
    const { onnxruntime } = await probeWith({ "onnxruntime-node": runtime({ webgpu: fails }) });
    const device = deviceOf(onnxruntime, "webgpu");
    assert.is(device?.works, true);
    return device?.half;
  };
  assert.equal(await halfOf(""), { works: true });
  const absent = await halfOf("throw Error('Program Cast requires f16 but the device does not support it.')");
  assert.is(absent?.works, false);
  assert.match(absent?.reason ?? "", /has no 16-bit floats \(shader-f16 of WebGPU\)/);
  assert.match(absent?.remedy ?? "", /driver/);
  assert.is((await halfOf("throw Error('lost\\n at x')"))?.reason, "lost");
  assert.is((await halfOf("process.abort()"))?.reason, "the process ended with SIGABRT");
});

test("CUDA that is not installed is told from a broken CUDA, and from a platform without", async () => {
  const lacks = (library: string) => `throw Error('/a/b/${library}: cannot open shared object file')`;
  assert.match(
    await reasonOf("cuda", lacks("libonnxruntime_providers_shared.so")),
    /not installed; .*npm run cuda:install/,
  );
  const remedies = {
    "libcudnn.so": /^libcudnn\.so is missing; install cuDNN 9, and have/,
    "libcublasLt.so.13": /^libcublasLt\.so\.13 is missing; install CUDA 13, and have/,
    "libcurand.so.10": /^libcurand\.so\.10 is missing; install CUDA, and have/,
    "libcuda.so.1": /^libcuda\.so\.1 is missing; install NVIDIA's driver/,
  };
  for (const [library, words] of Object.entries(remedies)) assert.match(await reasonOf("cuda", lacks(library)), words);
  assert.match(
    await reasonOf("cuda", "throw Error('/a/b.cc:154 Call() CUDA failure 36: not supported ; GPU=-1 ; x\\n at x')"),
    /^CUDA failure 36: not supported; see that nvidia-smi/,
  );
  assert.match(await reasonOf("cuda", "throw Error('lost\\n at x')"), /^lost; see that nvidia-smi/);
  const mac = { system: { ...linux, platform: "darwin" } };
  assert.match(await reasonOf("cuda", "throw Error('no')", mac), /for linux x64 only, this is darwin x64; undefined/);
});

test("TensorFlow is taken with its GPU where it has one", async () => {
  const found = await probeWith({ "@tensorflow/tfjs-node-gpu": tensorflow(true) });
  assert.is(found.tensorflow.version, "4.5.6");
  assert.equal(
    found.tensorflow.devices.map(({ device, works }) => [device, works]),
    [
      ["gpu", true],
      ["cpu", true],
    ],
  );
});

test("a broken GPU package leaves the plain one", async () => {
  const found = await probeWith({
    "@tensorflow/tfjs-node-gpu": "throw Error('libcudart.so.11.0: cannot open shared object file')",
    "@tensorflow/tfjs-node": tensorflow(false),
  });
  assert.equal([found.tensorflow.works, found.tensorflow.packageName], [true, "@tensorflow/tfjs-node"]);
});

test("a TensorFlow that does not load says why", async () => {
  const broken = async (text: string, nodeMajor = 20) => {
    const system = { ...linux, nodeMajor };
    const found = await probeWith({ "@tensorflow/tfjs-node": text }, { system });
    const { reason, remedy } = deviceOf(found.tensorflow, "cpu")!;
    return `${reason}; ${remedy}`;
  };
  assert.match(
    await broken("throw Error('libcudart.so.11.0: cannot open shared object file')"),
    /^libcudart\.so\.11\.0 is/,
  );
  assert.match(await broken("throw Error('(tfjs_binding.node) can not be found')"), /without its binary; npm rebuild/);
  assert.match(
    await broken("throw TypeError('isNullOrUndefined')", 23),
    /breaks on Node 23 and later; use Node 20 or 22/,
  );
  assert.match(await broken("process.exit(7)"), /^the process ended with status 7;/);
});

test("the image library reads the common formats", async () => {
  const outcome = await probeSharp();
  if (!outcome.ok) return assert.unreachable(outcome.message);
  for (const format of ["jpeg", "png", "webp"]) assert.ok(outcome.found.reads.includes(format), format);
});

test.run();
