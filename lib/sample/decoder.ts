/** What draws the codes of sequences together: the contract of host, resident and repeated decoding. */
import type { Engine, NamedHostTensors } from "../engine/types.js";
import type { VimConfig } from "../models/vim.js";
import type { Filter } from "./draw.js";
import type { Guidance } from "./guidance.js";

export type DecoderOptions = {
  readonly engine: Engine;
  readonly model: VimConfig;
  readonly weights: NamedHostTensors;
  /**
   * Whether the weights are given up: their data are empty once the decoder needs them no more, as where they are built in or on
   * the device. Decoders in calls keep them, since they may have to compile again.
   */
  readonly givesUpWeights?: boolean;
  /** B, sequences drawn together. */
  readonly batchSize: number;
  /** Leads every sequence away from its like without a class, for twice the work; none when absent. */
  readonly guidance?: Guidance | undefined;
  /** S, first codes of each sequence that are given; 0 when absent, less than T. */
  readonly prefixLength?: number | undefined;
  /** Bytes of weights up to which they are built into the graphs, see `weightFeeds`; what there is room for if absent. */
  readonly largestBuiltIn?: number;
};

/** What decides the codes of a batch besides the prompt. */
export type Drawing = {
  /** Seed of each sequence, [B]. */
  readonly seeds: readonly number[];
  /** Filter of each sequence, [B]. */
  readonly filters: readonly Filter[];
};

export type Decoder = {
  /**
   * Draws sequences; several batches may be under way.
   * @param prompt `classIds` [rows] and, where codes are given, `prefix` [rows, S]
   * @returns codes [B] of one position after another, from the first that is not given
   */
  decode(prompt: NamedHostTensors, drawing: Drawing): AsyncGenerator<Int32Array, void>;
  close(): Promise<void>;
};

/** Rows of the graphs: with guidance every sequence has a second one, without a class, after those of all the others. */
export function rowsOf({ batchSize, guidance }: Pick<DecoderOptions, "batchSize" | "guidance">): number {
  return guidance ? 2 * batchSize : batchSize;
}
