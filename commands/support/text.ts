/** Plain text for terminals. */

/**
 * Breaks `text` at spaces into lines of at most `width` characters; a longer word stays whole, and so do line ends.
 * @param hang what every line after the first begins with
 */
export function wrap(text: string, width: number, hang = ""): string {
  const [first = "", ...others] = text.split("\n");
  return [wrapLine(first, width, hang), ...others.map((line) => wrapLine(hang + line, width, hang))].join("\n");
}

/** A name and what is said of it. */
export type Definition = readonly [name: string, text: string];

/**
 * Names and, in a column of their own, what is said of them; a long name has its text on the next line.
 * @param column where the texts begin
 */
export function definitions(rows: readonly Definition[], width: number, column = textColumn(rows, width)): string {
  const hang = " ".repeat(column);
  const written = rows.map(([name, text]) => {
    const head = `  ${name}`;
    const body = wrap(text, width - column).replaceAll("\n", `\n${hang}`);
    return head.length + 2 > column ? `${head}\n${hang}${body}` : head.padEnd(column) + body;
  });
  return written.join("\n");
}

/** Where texts begin: after the longest name, but within the left third. */
export function textColumn(rows: readonly Definition[], width: number): number {
  const longest = Math.max(0, ...rows.map(([name]) => name.length));
  return Math.min(longest, Math.floor(width / 3)) + 4;
}

/** Columns of the terminal on stdout, kept between 40 and 120 for reading; 80 when stdout is no terminal. */
export const textWidth = (): number => Math.min(Math.max(process.stdout.columns ?? 80, 40), 120);

function wrapLine(text: string, width: number, hang: string): string {
  const lines: string[] = [];
  let line = /^ */.exec(text)![0]; // kept as it is
  let empty = true;
  for (const word of text.slice(line.length).split(" ")) {
    if (!empty && line.length + 1 + word.length > width) {
      lines.push(line.trimEnd());
      line = hang;
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  return [...lines, line.trimEnd()].join("\n");
}
