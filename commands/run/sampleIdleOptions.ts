/** Options of `sample` that would change nothing beside others. */
import { options as sampleOptions } from "../sample.js";
import type { CommandContext } from "../support/command.js";
import { type IdleRule, refuseIdle } from "./idleOptions.js";

const SAMPLE_RULES: readonly IdleRule<typeof sampleOptions>[] = [
  { names: ["acceptance"], when: ({ rejectWith }) => rejectWith !== undefined, want: "--reject-with" },
  { names: ["guidanceSchedule"], when: ({ guidance }) => guidance !== 1, want: "a --guidance other than 1" },
  {
    names: ["keep", "ways", "limit", "labels", "strict", "resize"],
    when: ({ complete }) => complete !== undefined,
    want: "--complete",
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

/** @throws UsageError naming an option that was typed, or set in the config file, and changes nothing */
export function refuseIdleSampleOptions(context: CommandContext<typeof sampleOptions>): void {
  refuseIdle(context, sampleOptions, SAMPLE_RULES);
}
