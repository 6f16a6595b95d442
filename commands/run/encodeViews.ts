/** The views that `encode` gives each image. */
import { UsageError } from "../../lib/errors.js";
import type { options } from "../encode.js";
import type { ConfigOf } from "../support/options.js";

type ViewsConfig = Pick<ConfigOf<typeof options>, "views" | "crop" | "cropScale" | "flip" | "seed">;

/** @throws UsageError when there are fewer different views than are wanted */
export function expectDifferentViews({ views, crop, flip }: ViewsConfig): void {
  if (views === 1 || crop === "random") return;
  if (!flip)
    throw new UsageError(
      `--views: ${views} views of an image would be alike; add --flip or --crop random, or leave it out`,
    );
  if (views > 2)
    throw new UsageError(
      `--views: without --crop random there are two views, an image and its mirror image, got ${views}; want 2, or add it`,
    );
}

/** What is done to further views, in a few words for the token file. */
export function augmentationOf({ crop, cropScale, flip, seed }: ViewsConfig): string {
  if (crop === "center") return "first plain, then mirrored";
  const [min, max] = cropScale;
  const parts = [`random crop of ${min} to ${max} sizes`, ...(flip ? ["random flip"] : []), `seed ${seed}`];
  return `first plain, then ${parts.join(", ")}`;
}

/** Finds out whether any row has other codes than the row before it of the same image. */
export function watchViews({ views, tokens }: { views: number; tokens: number }) {
  let [rows, differ] = [0, false];
  let before = new Int32Array(0);
  return {
    /** @param codes [n * tokens], the rows that follow */
    add(codes: Int32Array): void {
      for (let at = 0; at < codes.length; at += tokens, rows++) {
        const row = codes.slice(at, at + tokens);
        differ ||= rows % views !== 0 && row.some((code, t) => code !== before[t]);
        before = row;
      }
    },
    get differ(): boolean {
      return differ;
    },
  };
}
