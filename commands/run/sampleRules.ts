/** What decides which code is drawn: filters, and guidance towards the class. */
import { UsageError } from "../../lib/errors.js";
import type { VimConfig } from "../../lib/models/vim.js";
import type { Guidance } from "../../lib/sample/guidance.js";
import type { SampleConfig } from "../sample.js";
import { type LoadedModel, lacksClassless } from "../support/models.js";
import { filtersOf, type SampleFilters } from "./sampleFilters.js";

export type Rules = {
  readonly filters: SampleFilters;
  /** Undefined where the scale is 1. */
  readonly guidance: Guidance | undefined;
};

type Drawn = {
  readonly vim: LoadedModel<VimConfig>;
  readonly classNames: readonly string[];
  /** Class ids of the images to draw. */
  readonly classIds: readonly number[];
  readonly warn: (message: string) => void;
};

/** @throws UsageError when filters or guidance make no sense for what is to be drawn */
export function rulesOf(config: SampleConfig, drawn: Drawn): Rules {
  return { filters: filtersOf(config, drawn), guidance: guidanceOf(config, drawn) };
}

function guidanceOf(
  { guidance: scale, guidanceSchedule: schedule }: SampleConfig,
  { vim, classIds, warn }: Drawn,
): Guidance | undefined {
  if (scale === 1) return undefined;
  const { model } = vim;
  if (model.classes === 0) throw new UsageError("--guidance: this model was trained without classes; leave it out");
  if (model.classless === false)
    throw new UsageError(
      "--guidance: this model knows no images without a class, which guidance leads away from; leave it out",
    );
  if (classIds.every((id) => id >= model.classes))
    throw new UsageError(
      "--guidance: images without a class are guided nowhere; leave it out, or draw some of a class",
    );
  if (lacksClassless(vim))
    warn(
      "--guidance leads away from images without a class, which this model never saw: it was trained with " +
        "--class-dropout 0",
    );
  return { scale, schedule };
}
