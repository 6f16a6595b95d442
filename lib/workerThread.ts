/**
 * Threads that answer what they are asked, one question after the other. Memory may be handed over with a question and
 * with its answer; errors that users can meet keep their class.
 */
import { type MessagePort, Worker } from "node:worker_threads";
import { expectedFailure, VitvqError } from "./errors.js";

/** An answer, and memory in it that is handed over instead of copied. */
export type Reply<Answer> = { readonly answer: Answer; readonly handedOver?: readonly ArrayBuffer[] };

type ToThread<Question> = { readonly question: Question } | "close";

type FromThread<Answer, Told> =
  | { readonly answer: Answer }
  | { readonly told: Told }
  /** `exitCode` is there when the error is one that users can meet. */
  | { readonly error: Error; readonly exitCode?: number };

type Waiting<Answer> = { readonly resolve: (answer: Answer) => void; readonly reject: (error: Error) => void };

export type ThreadOptions<Told> = {
  /** URL of the module that calls `answerQuestions`. */
  readonly module: URL;
  /** What the thread does, in errors. */
  readonly name: string;
  /** What the module finds as `workerData`. */
  readonly workerData?: unknown;
  /** Hears what the thread tells without being asked. */
  readonly onTold?: (told: Told) => void;
};

/** A thread as the one that started it sees it. It keeps the process alive only while an answer, or its end, is waited for. */
export class WorkerThread<Question, Answer, Told = never> {
  readonly #worker: Worker;
  readonly #ended: Promise<void>;
  readonly #waiting: Waiting<Answer>[] = [];
  #closing = false;
  #lost: Error | undefined;

  constructor({ module, name, workerData, onTold }: ThreadOptions<Told>) {
    // What was preloaded into this program is not meant for its threads.
    this.#worker = new Worker(module, { workerData, execArgv: [] });
    this.#worker.unref();
    this.#worker.on("message", (message: FromThread<Answer, Told>) => {
      if ("told" in message) onTold?.(message.told);
      else this.#settle(message);
    });
    this.#worker.on("error", (error) => this.#lose(error as Error));
    this.#ended = new Promise((resolve) => {
      this.#worker.on("exit", (status) => {
        this.#lose(new Error(`the thread that ${name} ended with status ${status}`));
        resolve();
      });
    });
  }

  /** What ended the thread; undefined while it goes on. */
  get lost(): Error | undefined {
    return this.#lost;
  }

  /** Rejects with what answering threw, and with what ended the thread. */
  ask(question: Question, handedOver: readonly ArrayBuffer[] = []): Promise<Answer> {
    if (this.#lost) return Promise.reject(this.#lost);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#send({ question }, handedOver);
    });
  }

  /** Settles when everything asked before is answered, and the thread has ended. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#send("close"); // which one that was lost never hears of
    await this.#ended;
  }

  #send(message: ToThread<Question>, handedOver: readonly ArrayBuffer[] = []): void {
    this.#worker.ref();
    this.#worker.postMessage(message, handedOver);
  }

  #settle(message: Exclude<FromThread<Answer, Told>, { told: Told }>): void {
    const asked = this.#waiting.shift();
    if (this.#waiting.length === 0 && !this.#closing) this.#worker.unref();
    if ("answer" in message) asked?.resolve(message.answer);
    else asked?.reject(failureOf(message));
  }

  #lose(error: Error): void {
    this.#lost ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#lost);
  }
}

/** The error as it was thrown: on the way between threads objects lose their class. */
function failureOf({ error, exitCode }: { readonly error: Error; readonly exitCode?: number }): Error {
  if (exitCode === undefined) return error;
  return Object.assign(expectedFailure(exitCode, error.message), { stack: error.stack ?? "" });
}

export type Answering<Question, Answer> = {
  answer(question: Question): Promise<Reply<Answer>>;
  /** Lets go of what it holds; the thread ends when nothing else is under way in it. */
  close(): Promise<void>;
};

/**
 * In the thread: answers what comes, and ends when it is told to.
 * @returns tells the other side something that it did not ask for
 */
export function answerQuestions<Question, Answer, Told = never>(
  port: MessagePort,
  { answer, close }: Answering<Question, Answer>,
): (told: Told) => void {
  const send = (message: FromThread<Answer, Told>, handedOver: readonly ArrayBuffer[] = []): void =>
    port.postMessage(message, handedOver);

  async function reply(question: Question): Promise<void> {
    try {
      const { answer: found, handedOver } = await answer(question);
      send({ answer: found }, handedOver);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      send({ error, ...(error instanceof VitvqError ? { exitCode: error.exitCode } : {}) });
    }
  }

  /** With nobody to listen to, the thread ends. */
  async function end(): Promise<void> {
    await close();
    port.close();
  }

  // One after the other: of two that are waited for at once, the second may be ready first.
  let answered = Promise.resolve();
  port.on("message", (message: ToThread<Question>) => {
    answered = answered.then(message === "close" ? end : () => reply(message.question));
  });
  return (told) => send({ told });
}
