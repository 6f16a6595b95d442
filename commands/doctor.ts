import type { DeviceReport, EngineReport } from "../lib/engine/availability.js";
import type { Machine } from "../lib/engine/machine.js";
import { EXIT, firstLine } from "../lib/errors.js";
import { defineCommand } from "./support/command.js";
import type { OptionTable } from "./support/options.js";
import { definitions, textWidth, wrap } from "./support/text.js";
import { version } from "./support/version.js";

const options = {
  timeout: { type: "number", describe: "How long one probe may take", unit: "seconds", above: 0, default: 30 },
} as const satisfies OptionTable;

export const doctor = defineCommand({
  command: "doctor",
  describe: "Say which engines and devices are here, and what to do about the others",
  options,
  examples: [
    ["vitvq doctor", "takes about a second; exits with 6 when no engine works"],
    ["vitvq doctor --json", "the same for scripts, with the runtimes' own words about what failed"],
  ],
  async handler({ config, debug, log, result }) {
    const { probeEngines, probeSharp } = await import("../lib/engine/availability.js");
    const { thisMachine } = await import("../lib/engine/machine.js");
    const [engines, sharp] = await Promise.all([probeEngines(config), probeSharp(config)]);
    const { processor: cpu, ...machine } = thisMachine();
    const { node } = process.versions;
    const report: Report = { vitvq: version(), node, ...machine, cpu, images: imageLibrary(sharp), engines };
    if (debug) for (const line of causes(report)) log(line);
    const works = engines.some((engine) => engine.works);
    result(report, written(report, textWidth()), works ? EXIT.done : EXIT.engine);
  },
});

type Images =
  | { readonly works: true; readonly sharp: string; readonly libvips: string; readonly reads: readonly string[] }
  | { readonly works: false; readonly reason: string };

type Report = Omit<Machine, "processor"> & {
  readonly vitvq: string;
  readonly node: string;
  readonly cpu: string;
  readonly images: Images;
  readonly engines: readonly EngineReport[];
};

type SharpOutcome = Awaited<ReturnType<typeof import("../lib/engine/availability.js").probeSharp>>;

function imageLibrary(outcome: SharpOutcome): Images {
  if (!outcome.ok) return { works: false, reason: firstLine(outcome.message) };
  const { version: sharp, libvips, reads } = outcome.found;
  const pictures = reads.filter((format) => format !== "vips"); // its raw format
  return { works: true, sharp, libvips, reads: pictures.map((format) => (format === "heif" ? "avif" : format)) };
}

function written(report: Report, width: number): string {
  const { vitvq, node, platform, arch, cpu, cores, memory, images } = report;
  const about = [
    ["vitvq", `${vitvq} on Node ${node}, ${platform} ${arch}`],
    ["machine", `${cpu}, ${cores} ${cores === 1 ? "core" : "cores"}, ${(memory / 2 ** 30).toFixed(1)} GiB of memory`],
    ["images", describeImages(images)],
  ] as const;
  const engines = report.engines.map(
    ({ engine, version: found, devices }) =>
      `${engine}${found === undefined ? "" : ` ${found}`}\n` +
      definitions(
        devices.map((device) => [device.device, describeDevice(engine, device)] as const),
        width,
      ),
  );
  return [definitions(about, width), ...engines, wrap(conclusion(report), width)].join("\n\n");
}

function describeImages(images: Images): string {
  if (!images.works) return `sharp does not load: ${images.reason}\nremove node_modules and run npm ci again`;
  return `sharp ${images.sharp} (libvips ${images.libvips}) reads ${images.reads.join(", ")}`;
}

function describeDevice(engine: EngineReport["engine"], report: DeviceReport): string {
  const { device, works, trains, reason, remedy } = report;
  const chosen =
    device === "cpu" ? "used for training" : `for training with --device ${device}${UNTRIED[device] ?? ""}`;
  const usable = engine === DEFAULT_ENGINE ? chosen : `for training with --engine ${engine}`;
  const use = trains ? usable : "not used for training by this version";
  if (works) return [`works, ${use}`, ...describeHalf(report)].join("\n");
  return [`absent: ${reason ?? "unknown"}`, ...(remedy === undefined ? [] : [`to have it: ${remedy}`]), use].join("\n");
}

function describeHalf({ half }: DeviceReport): string[] {
  if (half === undefined) return [];
  if (half.works) return ["half precision works, with --precision float16"];
  const remedy = half.remedy === undefined ? [] : [`to have it: ${half.remedy}`];
  return [`half precision is absent: ${half.reason ?? "unknown"}`, ...remedy];
}

/** What this version's tests have not seen of a device. */
const UNTRIED: Readonly<Record<string, string>> = {
  webgpu: " (tested with Vulkan in software, not on a GPU)",
  cuda: " (never tried on a GPU: its graphs were tested on the processor)",
};

const DEFAULT_ENGINE = "onnxruntime";

function conclusion({ engines }: Report): string {
  const usable = engines.flatMap(({ engine, devices }) =>
    devices.filter(({ works, trains }) => works && trains).map(({ device }) => `${engine} ${device}`),
  );
  return usable.length > 0 ? `Training can run on ${usable.join(", ")}.` : "Nothing here can train.";
}

function causes({ engines }: Report): string[] {
  return engines.flatMap(({ engine, devices }) =>
    devices.flatMap(({ device, cause, half }) => [
      ...(cause === undefined ? [] : [`${engine} ${device}: ${cause}`]),
      ...(half?.cause === undefined ? [] : [`${engine} ${device} in half precision: ${half.cause}`]),
    ]),
  );
}
