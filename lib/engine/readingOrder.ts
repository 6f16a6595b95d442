/** The order of nodes in a graph that lies inside another. */
import type { OnnxNode } from "./onnx.js";

/**
 * Nodes so that each comes behind what it reads, as is demanded of a graph inside another, and those given first come as early
 * as that allows. Of what a node reads ONNX Runtime runs later nodes of the file first. So, as the nodes come in reverse order of
 * emission, it runs them about in the order of emission: see `finishGraph`.
 */
export function inReadingOrder(nodes: readonly OnnxNode[]): OnnxNode[] {
  const makers = new Map<string, number>();
  for (const [i, { outputs }] of nodes.entries()) for (const output of outputs) makers.set(output, i);
  const readers: number[][] = nodes.map(() => []);
  const missing = nodes.map(({ inputs }, i) => {
    const read = new Set(inputs.flatMap((input) => makers.get(input) ?? []));
    for (const maker of read) readers[maker]!.push(i);
    return read.size;
  });
  const ready = new SmallestFirst(nodes.flatMap((_, i) => (missing[i] === 0 ? i : [])));
  const ordered: OnnxNode[] = [];
  for (let next = ready.take(); next !== undefined; next = ready.take()) {
    ordered.push(nodes[next]!);
    for (const reader of readers[next]!) if (--missing[reader]! === 0) ready.add(reader);
  }
  return ordered;
}

/** Numbers, of which the smallest is taken first: a binary heap. */
class SmallestFirst {
  private readonly heap: number[] = [];

  constructor(numbers: readonly number[]) {
    for (const one of numbers) this.add(one);
  }

  add(one: number): void {
    const { heap } = this;
    let at = heap.length;
    for (let parent = (at - 1) >> 1; at > 0 && heap[parent]! > one; parent = (at - 1) >> 1) {
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = one;
  }

  take(): number | undefined {
    const { heap } = this;
    const [smallest] = heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return smallest;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child++;
      if (child >= heap.length || heap[child]! >= last) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return smallest;
  }
}
