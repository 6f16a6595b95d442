/** What `classify` says of each image, as text, as a line of JSON or as one of CSV. */
import { formatPercent } from "../../lib/ui/format.js";
import { textTable } from "../../lib/ui/table.js";

export type Named = { readonly name: string; readonly probability: number };

/** An image and its likeliest classes, the best first. */
export type ClassifiedImage = {
  readonly image: string;
  /** What it is, by the data's own name; null where unknown. */
  readonly label: string | null;
  readonly classes: readonly Named[];
};

export type Format = "text" | "jsonl" | "csv";

/** All images, a line each; CSV has a header. */
export function linesOf(images: readonly ClassifiedImage[], format: Format): string {
  if (format === "jsonl") return images.map((one) => `${JSON.stringify(one)}\n`).join("");
  return format === "csv" ? csv(images) : table(images);
}

function table(images: readonly ClassifiedImage[]): string {
  const labelled = images.some(({ label }) => label !== null);
  const rows = images.map(({ image, label, classes }) => [
    image,
    ...(labelled ? [label ?? "-"] : []),
    classes.map(({ name, probability }) => `${name} ${formatPercent(probability)}`).join(", "),
  ]);
  const header = ["image", ...(labelled ? ["label"] : []), "classes"];
  return textTable({ header, rows, align: ["left", "left", "left"] });
}

function csv(images: readonly ClassifiedImage[]): string {
  const most = images.reduce((largest, { classes }) => Math.max(largest, classes.length), 0);
  const header = ["image", "label"];
  for (let i = 1; i <= most; i++) header.push(`class${i}`, `probability${i}`);
  const rows = images.map(({ image, label, classes }) => [
    image,
    label ?? "",
    ...classes.flatMap(({ name, probability }) => [name, String(probability)]),
  ]);
  return [header, ...rows].map((row) => `${row.map(quoted).join(",")}\n`).join("");
}

/** A field of CSV (RFC 4180). */
const quoted = (field: string): string => (/[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field);
