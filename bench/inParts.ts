/** Steps as trainings run them: a batch in as many lanes as suit the machine, results joined. */
import { freeTensors } from "../lib/engine/freeTensors.js";
import type { Engine, HostTensor, NamedHostTensors } from "../lib/engine/types.js";
import { mapValues } from "../lib/records.js";
import { partsOf, runParts } from "../lib/train/batchParts.js";
import { chooseLanes, type LaneOptions } from "../lib/train/lanes.js";
import { scalarOf } from "../lib/train/named.js";
import { compilePlan, inLanes, type Plan } from "../lib/train/plans.js";

export type StepInParts = {
  readonly lanes: number;
  /**
   * @param shared what all parts get
   * @param batch what has a row for each image
   * @param own what else each part gets
   */
  run(
    shared: NamedHostTensors,
    batch: NamedHostTensors,
    own?: (part: number) => NamedHostTensors,
  ): Promise<NamedHostTensors>;
};

/** The loss of a step; gradients are given back, as training does once weights have moved. */
export function lossAlone(results: NamedHostTensors, loss: string): number {
  const value = scalarOf(results, loss);
  freeTensors(results);
  return value;
}

/** @param planOf the step for a batch of so many images */
export async function compileInParts(
  engine: Engine,
  options: LaneOptions,
  planOf: (batchSize: number) => Plan,
): Promise<StepInParts> {
  const lanes = chooseLanes(engine, options);
  const program = await compilePlan(engine, inLanes(planOf(options.batchSize / lanes), lanes));
  return {
    lanes,
    run(shared, batch, own = () => ({})) {
      const divided = mapValues(batch, (tensor: HostTensor) => partsOf(tensor, lanes));
      const parts = Array.from({ length: lanes }, (_, i) => ({ ...mapValues(divided, (rows) => rows[i]!), ...own(i) }));
      return runParts(program, shared, { parts, free: freeTensors });
    },
  };
}
