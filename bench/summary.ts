/** Figures of alternating rounds, made to be read beside each other. */
import { median } from "../lib/speed/statistics.js";
import { QUIET } from "./machine.js";
import type { Turn } from "./side.js";

/** One turn of each side. */
export type Round = { readonly vitvq: Turn; readonly pytorch: Turn };

export type Summary = {
  /** Rounds that count. */
  readonly rounds: number;
  /** Whether those are undisturbed; without one undisturbed round all count, and the figures mean little. */
  readonly undisturbed: boolean;
  /** Median over all steps, in seconds. */
  readonly vitvqMedian: number;
  readonly pytorchMedian: number;
  /** Fastest step, in seconds. */
  readonly vitvqBest: number;
  readonly pytorchBest: number;
  /** Times our speed over PyTorch's: of the medians; median over rounds of the two medians of a round; of the best. */
  readonly medianRatio: number;
  readonly pairedRatio: number;
  readonly bestRatio: number;
  /** The rounds in which we did worst and best. */
  readonly lowestRatio: number;
  readonly highestRatio: number;
};

/** Whether others left the machine alone while a round ran: a core taken away costs the two sides unequally. */
export function isUndisturbed({ vitvq, pytorch }: Round): boolean {
  return Math.max(vitvq.otherLoad, pytorch.otherLoad) <= QUIET;
}

/**
 * Medians and ratios over the undisturbed rounds.
 * @throws RangeError when there are no rounds, or one without steps
 */
export function summarise(rounds: readonly Round[]): Summary {
  const quiet = rounds.filter(isUndisturbed);
  const counted = quiet.length > 0 ? quiet : rounds;
  const all = (side: keyof Round) => counted.flatMap((round) => round[side].seconds);
  const [vitvq, pytorch] = [all("vitvq"), all("pytorch")];
  const ratios = counted.map((round) => median(round.pytorch.seconds) / median(round.vitvq.seconds));
  return {
    rounds: counted.length,
    undisturbed: quiet.length > 0,
    vitvqMedian: median(vitvq),
    pytorchMedian: median(pytorch),
    vitvqBest: Math.min(...vitvq),
    pytorchBest: Math.min(...pytorch),
    medianRatio: median(pytorch) / median(vitvq),
    pairedRatio: median(ratios),
    bestRatio: Math.min(...pytorch) / Math.min(...vitvq),
    lowestRatio: Math.min(...ratios),
    highestRatio: Math.max(...ratios),
  };
}
