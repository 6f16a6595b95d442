/** What tests of data share: sources in memory, errors as text, known colours. */
import * as assert from "uvu/assert";
import type { ImageSource, Pixels } from "../../lib/data/source.js";
import { DataError } from "../../lib/errors.js";

/** The message of the DataError that `attempt` must end with. */
export async function refusal(attempt: Promise<unknown>): Promise<string> {
  const error = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.instance(error, DataError);
  return (error as DataError).message;
}

/** Images of one colour each: image `i` is size x size of `[i, i, i]`, its label `i % 3`, its name `image i`. */
export function plainSource(count: number, size = 2): ImageSource {
  const image = (i: number): Pixels => ({
    pixels: new Uint8Array(3 * size * size).fill(i),
    width: size,
    height: size,
    channels: 3,
  });
  return {
    path: "memory",
    kind: "classes",
    count,
    classNames: ["a", "b", "c"],
    ignored: { files: 0, folders: [] },
    label: (i) => i % 3,
    name: (i) => `image ${i}`,
    input: image,
  };
}

/** The same source, with the places of the images asked for, in the order they were. */
export function watched(source: ImageSource): { source: ImageSource; reads: number[] } {
  const reads: number[] = [];
  const input = (i: number) => {
    reads.push(i);
    return source.input(i);
  };
  return { source: { ...source, input }, reads };
}
