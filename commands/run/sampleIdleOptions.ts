/** Options of `sample` that would change nothing beside others. */
import type { options } from "../sample.js";
import type { IdleRule } from "../support/idle.js";
import { isOnnxFile } from "./sampleImageJudge.js";

export const SAMPLE_RULES: readonly IdleRule<typeof options>[] = [
  {
    names: ["count", "seed", "rejectWith", "complete"],
    when: ({ seeds }) => seeds === undefined,
    want: "a call without --seeds",
  },
  { names: ["acceptance"], when: ({ rejectWith }) => rejectWith !== undefined, want: "--reject-with" },
  {
    names: ["rejectVim"],
    when: ({ rejectWith }) => rejectWith !== undefined && !isOnnxFile(rejectWith),
    want: "--reject-with a classifier of probe",
  },
  {
    names: ["classifierSpec"],
    when: ({ rejectWith }) => rejectWith !== undefined && isOnnxFile(rejectWith),
    want: "--reject-with an .onnx file",
  },
  { names: ["guidanceSchedule"], when: ({ guidance }) => guidance !== 1, want: "a --guidance other than 1" },
  {
    names: ["keep", "ways", "limit", "labels", "strict", "resize"],
    when: ({ complete }) => complete !== undefined,
    want: "--complete",
  },
  {
    names: ["labels"],
    when: ({ classes, unconditional }) => classes === undefined && !unconditional,
    want: "images that are completed as their own class, without --classes and --unconditional",
  },
  {
    names: ["topK", "topP"],
    when: ({ temperature, classFilter }) => temperature > 0 || classFilter !== undefined,
    want: "a --temperature above 0",
  },
  {
    names: ["count"],
    when: ({ complete }) => complete === undefined,
    want: "a call without --complete, where --limit says how many images",
  },
  {
    names: ["rejectWith"],
    when: ({ complete }) => complete === undefined,
    want: "a call without --complete, which keeps all that it draws",
  },
];
