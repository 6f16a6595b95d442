/** What lines are written to: what it can show, and writing to it. */

/** Where messages go; the caller hands it in, for instance around `process.stderr`. */
export type TextStream = {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  /** Width in characters; read anew each time, since windows are resized. */
  readonly columns?: number | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
};

export type Style = keyof typeof CODES;

/** A stream with what it can do. */
export type Terminal = {
  /** Whether lines may be redrawn: on a terminal that can (not "dumb", not under CI). */
  readonly interactive: boolean;
  write(text: string): void;
  columns(): number;
  /** The text in a colour, or as it is where there are to be no colours. */
  paint(style: Style, text: string): string;
  readonly symbols: { readonly success: string; readonly failure: string; readonly spinner: readonly string[] };
};

/** What moves on a terminal while lines appear above it. */
export type Live = {
  /** Writes whole lines, ended by a newline, above what moves. */
  above(lines: string): void;
  stop(): void;
};

/**
 * Finds out what a stream can do; there are no colours off a terminal or with NO_COLOR set (no-color.org).
 * `plain` treats a terminal as if it were none.
 */
export function terminalOf(stream: TextStream, { plain = false }: { plain?: boolean } = {}): Terminal {
  const { env } = stream;
  const interactive = !plain && stream.isTTY === true && env["TERM"] !== "dumb" && !env["CI"];
  const colored = interactive && !env["NO_COLOR"];
  return {
    interactive,
    write: (text) => void stream.write(text),
    columns: () => stream.columns || DEFAULT_COLUMNS,
    paint: (style, text) => (colored ? `\u001b[${CODES[style]}m${text}\u001b[0m` : text),
    symbols: env["TERM"] === "linux" ? CONSOLE_SYMBOLS : SYMBOLS,
  };
}

/** Text that cannot command a terminal: control characters except line breaks and tabs become "?". */
export function harmless(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, "?");
}

const DEFAULT_COLUMNS = 80;
const CODES = { red: 31, green: 32, yellow: 33, cyan: 36, dim: 2 } as const;
const SYMBOLS = { success: "✔", failure: "✖", spinner: ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"] };
const CONSOLE_SYMBOLS = { success: "√", failure: "×", spinner: ["-", "\\", "|", "/"] }; // the Linux console has few glyphs
