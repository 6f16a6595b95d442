/** Which engines and devices this machine has, and for those it has not: why, and what to do. */
import { createRequire } from "node:module";
import { stripVTControlCharacters } from "node:util";
import { firstLine } from "../errors.js";
import { inChild, type Outcome } from "./availabilityChild.js";
import type { Findings } from "./availabilityJobs.js";
import type { OnnxDevice } from "./onnxruntime.js";
import { absence, type Explanation, explainTensorflow, missingLibrary, TENSORFLOW_PACKAGES } from "./tensorflow.js";

export type Device = OnnxDevice | "gpu";

export type DeviceReport = {
  readonly device: Device;
  readonly works: boolean;
  /** Whether this version of the program can train on it. */
  readonly trains: boolean;
  /** Why it does not work. */
  readonly reason?: string;
  /** What to do to have it. */
  readonly remedy?: string;
  /** The runtime's own words. */
  readonly cause?: string;
  /** Of WebGPU, where it works and that was asked: whether it multiplies float16. */
  readonly half?: HalfReport;
};

/** Whether a device takes `--precision float16`. */
export type HalfReport = Pick<DeviceReport, "works" | "reason" | "remedy" | "cause">;

export type EngineReport = {
  readonly engine: "onnxruntime" | "tensorflow";
  readonly packageName: string;
  readonly version?: string;
  /** Whether one of its devices does. */
  readonly works: boolean;
  readonly devices: readonly DeviceReport[];
};

export type ProbeOptions = {
  /** Seconds that a single probe may take. */
  readonly timeout?: number;
  /** Whether to find out about float16, too; yes if absent. */
  readonly half?: boolean;
  /** File or folder URL from which packages are looked up; this program's own by default. */
  readonly from?: string;
  /** The machine in question; this one by default. */
  readonly system?: System;
};

export type System = { readonly platform: string; readonly arch: string; readonly nodeMajor: number };

/** Probes both engines; each native library is loaded in a process of its own, so that none can take this one down. */
export async function probeEngines(options: ProbeOptions = {}): Promise<EngineReport[]> {
  const where = whereOf(options);
  return Promise.all([probeOnnxruntime(where), probeTensorflow(where)]);
}

/** Probes one device of the default engine, as `probeEngines` does. */
export async function probeDevice(device: OnnxDevice, options: ProbeOptions = {}): Promise<DeviceReport> {
  const where = whereOf(options);
  const [outcome, half] = await Promise.all([probeProvider(device, where), probeHalf(device, where)]);
  return onnxruntimeDevice(device, { outcome, half }, where.system);
}

const whereOf = (options: ProbeOptions): Where => ({
  timeout: 30,
  half: true,
  from: import.meta.url,
  system: thisSystem(),
  ...options,
});

/** The image library, found out in the same manner. */
export function probeSharp({ timeout = 30, from = import.meta.url }: ProbeOptions = {}): Promise<Outcome<"sharp">> {
  return inChild({ kind: "sharp", from }, timeout);
}

/** The devices that training and inference of this version run on. */
const TRAINS_ON: readonly string[] = [
  "onnxruntime cpu",
  "onnxruntime webgpu",
  "onnxruntime cuda",
  "tensorflow gpu",
  "tensorflow cpu",
];

const ONNXRUNTIME = "onnxruntime-node";

type Where = Required<ProbeOptions>;

async function probeOnnxruntime(where: Where): Promise<EngineReport> {
  const cpu = await probeProvider("cpu", where);
  const devices = [onnxruntimeDevice("cpu", { outcome: cpu }, where.system)];
  if (cpu.ok) devices.push(...(await Promise.all([probeDevice("webgpu", where), probeDevice("cuda", where)])));
  return report("onnxruntime", ONNXRUNTIME, cpu.ok ? cpu.found : undefined, devices);
}

function probeProvider(provider: OnnxDevice, { timeout, from }: Where): Promise<Outcome<"onnxruntime">> {
  return inChild({ kind: "onnxruntime", provider, precision: "float32", from }, timeout);
}

/** Probed apart, so that a driver which breaks on float16 costs nothing else. */
async function probeHalf(
  provider: OnnxDevice,
  { half, timeout, from }: Where,
): Promise<Outcome<"onnxruntime"> | undefined> {
  if (!half || provider !== "webgpu") return undefined;
  return inChild({ kind: "onnxruntime", provider, precision: "float16", from }, timeout);
}

type Probed = { readonly outcome: Outcome<"onnxruntime">; readonly half?: Outcome<"onnxruntime"> | undefined };

function onnxruntimeDevice(device: OnnxDevice, { outcome, half }: Probed, system: System): DeviceReport {
  const trains = TRAINS_ON.includes(`onnxruntime ${device}`);
  if (outcome.ok) return { device, works: true, trains, ...(half ? { half: halfReport(half) } : {}) };
  const explain = { cpu: explainCpu, webgpu: explainWebgpu, cuda: explainCuda }[device];
  return { device, works: false, trains, cause: causeOf(outcome), ...explain(outcome, system) };
}

function halfReport(outcome: Outcome<"onnxruntime">): HalfReport {
  if (outcome.ok) return { works: true };
  const lacks = /\bf16\b/.test(wordsOf(outcome));
  return {
    works: false,
    cause: causeOf(outcome),
    reason: lacks ? "the GPU or its driver has no 16-bit floats (shader-f16 of WebGPU)" : firstLine(outcome.message),
    ...(lacks ? { remedy: "update the GPU's driver, or take another GPU" } : {}),
  };
}

type Failed = { readonly message: string; readonly code?: string; readonly stderr: string };

function explainCpu({ message, code }: Failed, { platform, arch }: System): Explanation {
  if (code === "MODULE_NOT_FOUND" && message.includes("onnxruntime_binding"))
    return { reason: `onnxruntime-node has no library for ${platform} ${arch}` };
  if (code === "MODULE_NOT_FOUND") return { reason: "onnxruntime-node is not installed", remedy: "run npm ci again" };
  if (message.includes("ld-linux"))
    return { reason: "onnxruntime-node needs glibc, which this Linux lacks", remedy: "use a distribution with glibc" };
  return { reason: firstLine(message), remedy: "remove node_modules and run npm ci again" };
}

function explainWebgpu(failed: Failed, { platform }: System): Explanation {
  const missing = missingLibrary(wordsOf(failed));
  if (missing?.startsWith("libvulkan"))
    return {
      reason: `no GPU was found: the Vulkan loader (${missing}) is missing`,
      remedy: "with a GPU here, install its driver and the loader (Debian, Ubuntu: apt install libvulkan1)",
    };
  if (failed.message.includes("adapter")) {
    const remedy = platform === "linux" ? "install its driver with Vulkan (see vulkaninfo)" : "update its driver";
    return { reason: "no GPU was found", remedy: `with a GPU here, ${remedy}` };
  }
  return { reason: firstLine(failed.message) };
}

function explainCuda(failed: Failed, { platform, arch }: System): Explanation {
  if (platform !== "linux" || arch !== "x64")
    return { reason: `onnxruntime-node has CUDA for linux x64 only, this is ${platform} ${arch}` };
  const missing = missingLibrary(wordsOf(failed));
  if (missing?.startsWith("libonnxruntime_providers"))
    return {
      reason: "its libraries are not installed",
      remedy:
        "with an NVIDIA GPU, its driver, CUDA and cuDNN 9 here, npm run cuda:install in vitvq's folder " +
        "(downloads from nuget.org)",
    };
  if (missing !== undefined) return { reason: `${missing} is missing`, remedy: `install ${cudaPartOf(missing)}` };
  const failure = /CUDA failure \d+: [^;\n]+/.exec(failed.message)?.[0].trim();
  return {
    reason: failure ?? firstLine(failed.message),
    remedy: "see that nvidia-smi runs and that the driver is fit for the CUDA installed",
  };
}

/** What brings a library of NVIDIA's. */
function cudaPartOf(library: string): string {
  if (library.startsWith("libcuda.")) return "NVIDIA's driver";
  if (library.startsWith("libcudnn")) return "cuDNN 9, and have its folder in LD_LIBRARY_PATH";
  const version = /^lib(?:cublasLt|cublas|cudart)\.so\.(\d+)/.exec(library)?.[1];
  return `CUDA${version === undefined ? "" : ` ${version}`}, and have its folder in LD_LIBRARY_PATH`;
}

async function probeTensorflow(where: Where): Promise<EngineReport> {
  const installed = TENSORFLOW_PACKAGES.filter((name) => isInstalled(name, where.from));
  let first: EngineReport | undefined;
  for (const name of installed) {
    const found = await probeTensorflowPackage(name, where);
    if (found.works) return found;
    first ??= found;
  }
  if (first) return first;
  const absent = { device: "cpu", works: false, trains: TRAINS_ON.includes("tensorflow cpu") } as const;
  return report("tensorflow", TENSORFLOW_PACKAGES[0], undefined, [{ ...absent, ...absence(where.system.nodeMajor) }]);
}

async function probeTensorflowPackage(packageName: string, { timeout, from, system }: Where): Promise<EngineReport> {
  const outcome = await inChild({ kind: "tensorflow", packageName, from }, timeout);
  const cpu = { device: "cpu" as const, works: outcome.ok, trains: TRAINS_ON.includes("tensorflow cpu") };
  if (!outcome.ok) {
    const explanation = explainTensorflow(packageName, outcome, system.nodeMajor);
    return report("tensorflow", packageName, undefined, [{ ...cpu, cause: causeOf(outcome), ...explanation }]);
  }
  const gpu = { device: "gpu" as const, works: true, trains: TRAINS_ON.includes("tensorflow gpu") };
  return report("tensorflow", packageName, outcome.found, outcome.found.gpu ? [gpu, cpu] : [cpu]);
}

function report(
  engine: EngineReport["engine"],
  packageName: string,
  found: Findings["onnxruntime"] | Findings["tensorflow"] | undefined,
  devices: readonly DeviceReport[],
): EngineReport {
  const works = devices.some((device) => device.works);
  return { engine, packageName, ...(found && { version: found.version }), works, devices };
}

function isInstalled(packageName: string, from: string): boolean {
  try {
    createRequire(from).resolve(packageName);
    return true;
  } catch {
    return false;
  }
}

const wordsOf = ({ message, stderr }: Failed): string => `${message.trim()}\n${stderr.trim()}`;

const causeOf = (failed: Failed): string => stripVTControlCharacters(wordsOf(failed)).trim();

const thisSystem = (): System => ({
  platform: process.platform,
  arch: process.arch,
  nodeMajor: Number.parseInt(process.versions.node, 10),
});
