/** Finds the command that is asked for, loads it alone, runs it, and turns whatever happens into an exit code. */
import { STOPPED, UsageError } from "../../lib/errors.js";
import type { Command } from "./command.js";
import { everywhere } from "./common.js";
import { reportFailure } from "./failure.js";
import { didYouMean } from "./nearest.js";
import { flagOf, isTurnedOn } from "./options.js";
import { printLine } from "./output.js";
import { definitions, textWidth, wrap } from "./text.js";

/** A command in the list: known by its description, loaded when asked for. */
export type CommandEntry = { readonly describe: string; readonly load: () => Promise<Command> };

export type Program = {
  readonly describe: string;
  readonly version: () => string;
  readonly commands: Readonly<Record<string, CommandEntry>>;
};

/** Runs the program on this process's arguments, and ends the process with the exit code that fits. */
export async function main(program: Program): Promise<void> {
  const args = process.argv.slice(2);
  if (isTurnedOn("debug", args)) process.setSourceMapsEnabled(true);
  let failed = false;
  const fail = (error: unknown) => {
    if (failed) return; // telling of a failure may fail, too, on a full disk
    failed = true;
    leave(reportFailure(error, args));
  };
  process.on("uncaughtException", fail); // rejections that nobody handles come here, too
  // A reader that went away (`vitvq ... | head -1`), or a terminal, is no error; anything else on the streams is.
  for (const stream of [process.stdout, process.stderr])
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE" && !(error.code === "EIO" && stream.isTTY)) fail(error);
    });
  try {
    await run(program, args);
    leave(Number(process.exitCode ?? 0));
  } catch (error) {
    fail(error);
  }
}

async function run(program: Program, args: readonly string[]): Promise<void> {
  const at = args.findIndex((argument) => !argument.startsWith("-"));
  const name = args[at];
  const rest = args.filter((_, i) => i !== at);
  if (name === undefined) printLine(withoutCommand(program, args));
  else if (name === "help") await run(program, [...rest, "--help"]);
  else {
    const command = await entryOf(program, name, at).load();
    if (wantsHelp(rest)) printLine(command.help());
    else await parseAndRun(command, [name, ...rest]);
  }
}

/** The answer to `vitvq --help` and `vitvq --version`; a command is missing from anything else. */
function withoutCommand(program: Program, args: readonly string[]): string {
  if (isTurnedOn("version", args)) return program.version();
  if (wantsHelp(args)) return overview(program);
  const known = [...Object.keys(everywhere).map(flagOf), "--version"];
  const odd = args.find((argument) => !known.includes(argument.split("=", 1)[0]!));
  if (odd !== undefined) throw new UsageError(`unknown option ${odd}${didYouMean(odd, known)}`);
  const names = Object.keys(program.commands).join(", ");
  throw new UsageError(`name a command: ${names}; vitvq --help says what each does`);
}

const wantsHelp = (args: readonly string[]): boolean => isTurnedOn("help", args) || isTurnedOn("h", args);

function entryOf({ commands }: Program, name: string, at: number): CommandEntry {
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (entry) return entry;
  const near = didYouMean(name, Object.keys(commands));
  const order = at > 0 ? "; the command comes before its options" : "; vitvq --help lists them";
  throw new UsageError(`unknown command ${JSON.stringify(name)}${near || order}`);
}

async function parseAndRun(command: Command, args: readonly string[]): Promise<void> {
  const { hasTerminal } = await import("../../lib/terminal.js");
  // With no terminal to lose, a hangup is no end: nohup asks for that, and Node forgets it.
  if (!hasTerminal()) process.on("SIGHUP", () => undefined);
  const { default: yargs } = await import("yargs");
  await yargs(args)
    .scriptName("vitvq")
    .locale("en")
    .help(false)
    .version(false)
    .parserConfiguration({
      "dot-notation": false,
      "camel-case-expansion": false,
      "duplicate-arguments-array": true,
    })
    .command(command)
    .demandCommand(1)
    .strict()
    .exitProcess(false)
    .fail((message, error) => {
      throw error ?? new UsageError(message);
    })
    .parseAsync();
}

/** `vitvq --help`: the commands and what they do. */
function overview({ describe, commands }: Program): string {
  const width = textWidth();
  const rows = Object.entries(commands).map(([name, entry]) => [name, entry.describe] as const);
  return [
    "vitvq <command> [options]",
    wrap(describe, width),
    `Commands\n${definitions(rows, width)}`,
    wrap("vitvq <command> --help lists a command's options and examples; vitvq --version prints the version.", width),
  ].join("\n\n");
}

/** Ends the process once both streams are written (or have said why not), even if something still holds it open. */
function leave(exitCode: number): void {
  process.exitCode = exitCode;
  // At its end Node puts the terminal's settings back, and crashes if that is lost; a hangup ends it without.
  const end = exitCode === STOPPED.SIGHUP ? () => process.kill(process.pid, "SIGHUP") : () => process.exit();
  process.stdout.write("", () => process.stderr.write("", () => setImmediate(end)));
}
