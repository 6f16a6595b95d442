/** A stream that keeps what is written, and the screen of a terminal that reads it. */
import type { TextStream } from "../../lib/ui/terminal.js";

export type Recorder = TextStream & { written: string };

export function recorder(options: Partial<TextStream> = {}): Recorder {
  return {
    written: "",
    write(text) {
      this.written += text;
    },
    env: {},
    ...options,
  };
}

export const terminalRecorder = (env: Record<string, string> = {}): Recorder =>
  recorder({ isTTY: true, columns: 80, env });

const ESCAPE = "\u001b[";

/** Whether anything switches colours. */
export const hasColor = (written: string): boolean =>
  written.split(ESCAPE).some((part, i) => i > 0 && /^\d*m/.test(part));

/** The lines a terminal shows after reading this; knows the movements that spinner and bar use, and no others. */
export function screenOf(written: string): string[] {
  const screen = { lines: [""], row: 0, column: 0 };
  const [start, ...commands] = written.split(ESCAPE);
  print(screen, start!);
  for (const command of commands) {
    const [whole, hidden, number, letter] = /^(\??)(\d*)([A-Za-z])/.exec(command) ?? [];
    if (!hidden) move(screen, letter, number!);
    print(screen, command.slice(whole!.length));
  }
  return screen.lines;
}

type Screen = { lines: string[]; row: number; column: number };

function move(screen: Screen, letter: string | undefined, number: string): void {
  const { lines, row, column } = screen;
  if (letter === "G") screen.column = Number(number) - 1;
  else if (letter === "A") screen.row -= Number(number);
  else if (letter === "K") lines[row] = number === "2" ? "" : lines[row]!.slice(0, column);
  else if (letter !== "m") throw new Error(`unknown movement ${number}${letter}`);
}

function print(screen: Screen, text: string): void {
  for (const character of text) {
    if (character === "\r") screen.column = 0;
    else if (character === "\n") {
      screen.row++;
      screen.column = 0;
      screen.lines[screen.row] ??= "";
    } else {
      const line = screen.lines[screen.row]!.padEnd(screen.column);
      screen.lines[screen.row] = line.slice(0, screen.column) + character + line.slice(screen.column + 1);
      screen.column++;
    }
  }
}
