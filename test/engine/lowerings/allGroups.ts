import { readdirSync } from "node:fs";
import type { Case, CaseGroups } from "../support/compareEngines.js";

/** Every group of cases in `cases/`, by the sentence it shows to be true. */
export async function allGroups(): Promise<[string, readonly Case[]][]> {
  const folder = new URL("cases/", import.meta.url);
  const files = readdirSync(folder).filter((file) => file.endsWith(".js"));
  const modules = await Promise.all(files.map((file) => import(new URL(file, folder).href)));
  return modules.flatMap((module: { cases: CaseGroups }) => Object.entries(module.cases));
}
