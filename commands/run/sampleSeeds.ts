/** Images drawn again by the seeds that an index.json gave them. */
import { UsageError } from "../../lib/errors.js";
import type { VimConfig } from "../../lib/models/vim.js";
import type { SampleConfig } from "../sample.js";
import { type Plan, wantedClasses } from "./samplePlan.js";

/**
 * One image for each seed, in the order given, all of one class or each of its own.
 * @throws UsageError when there are no seeds, or neither as many classes as seeds nor one
 */
export function seededPlans(
  seeds: readonly number[],
  { config, model, classNames }: { config: SampleConfig; model: VimConfig; classNames: readonly string[] },
): Plan[] {
  if (seeds.length === 0) throw new UsageError("--seeds: want one seed or more, got none");
  const classIds = wantedClasses(config, model, classNames);
  const given = config.classes !== undefined || classIds.length === 1;
  if (!given || (classIds.length !== 1 && classIds.length !== seeds.length))
    throw new UsageError(
      `--seeds: want the class of these images, --classes once or once for each of the ${seeds.length} seeds, ` +
        `got ${given ? classIds.length : "none"}`,
    );
  return seeds.map((seed, i) => ({ seed, classId: classIds[classIds.length === 1 ? 0 : i]! }));
}

/** How many images of each class are planned, in order of drawing. */
export function sharesOfPlans(plans: readonly Plan[]): Map<number, number> {
  const shares = new Map<number, number>();
  for (const { classId } of plans) shares.set(classId, (shares.get(classId) ?? 0) + 1);
  return shares;
}
