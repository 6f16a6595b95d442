/** Numbers as people read them: short, with units, the same width where they stand in columns. */

/**
 * A time span: "350 ms", "4.2 s", "42 s", "3m 20s", "2h 05m", "3d 04h".
 * @param seconds 0 or more; anything else, an unknown ETA too, gives "-"
 */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return "-";
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < MINUTE) return `${whole} s`;
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)}m ${twoDigits(whole % MINUTE)}s`;
  const minutes = Math.round(seconds / MINUTE);
  if (minutes < DAY / MINUTE) return `${Math.floor(minutes / 60)}h ${twoDigits(minutes % 60)}m`;
  const hours = Math.round(seconds / HOUR);
  return `${Math.floor(hours / 24)}d ${twoDigits(hours % 24)}h`;
}

/** Time left, in whole seconds at the finest, since it is a guess: "3 s", "3m 20s"; "-" when unknown. */
export function formatRemaining(seconds: number): string {
  const whole = Math.round(seconds);
  return whole >= 0 && whole < MINUTE ? `${whole} s` : formatDuration(seconds);
}

/** A count in full, thousands apart: "60,000". */
export function formatInteger(count: number): string {
  return Number.isFinite(count) ? Math.round(count).toLocaleString("en-US") : special(count);
}

/** A count in three digits: "950", "9,999", "12.3 k", "50.9 M", "1.70 B". */
export function formatCount(count: number): string {
  if (Math.abs(count) < 9999.5) return formatInteger(count);
  return withUnit(count, COUNT_UNITS, (scaled) => scaled.toPrecision(3));
}

/** A size in bytes, decimal units: "512 B", "64.0 kB", "132 MB", "1.2 GB". */
export function formatBytes(bytes: number): string {
  return withUnit(bytes, BYTE_UNITS, (scaled) => scaled.toFixed(Math.abs(scaled) < 99.95 ? 1 : 0));
}

/** A rate in three digits: "1,230 images/s", "12.3 images/s", "0.0213 images/s". */
export function formatRate(perSecond: number, unit: string): string {
  return `${formatSignificant(perSecond, 3)} ${unit}/s`;
}

/** A share of 1 as percent: 0.913 gives "91.3%". */
export function formatPercent(share: number): string {
  return Number.isFinite(share) ? `${(share * 100).toFixed(1)}%` : special(share);
}

/**
 * A measured number such as a loss in `digits` significant digits, zeros kept so that columns stand still:
 * "0.01230", "12.30", "1.230e-5", "12,340".
 */
export function formatSignificant(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return special(value);
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 1e-3 || size >= 1e6) return value.toExponential(digits - 1).replace("e+", "e");
  const rounded = Number(value.toPrecision(digits));
  return Math.abs(rounded) >= 10 ** (digits - 1) ? formatInteger(rounded) : value.toPrecision(digits);
}

/** Text widened by spaces to `width` columns of a terminal; longer text stays as it is. */
export function column(text: string, width: number, align: "left" | "right" = "left"): string {
  const room = " ".repeat(Math.max(0, width - displayWidth(text)));
  return align === "left" ? text + room : room + text;
}

/** Columns a text takes on a terminal: none for combining marks, two for East Asian wide characters and emoji. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/\p{M}|\p{Cf}|\p{Cc}/u.test(character)) continue;
    width += WIDE.test(character) ? 2 : 1;
  }
  return width;
}

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86400;

const ROUNDS_TO_1000 = 999.5;
const COUNT_UNITS = ["", "k", "M", "B", "T"];
const BYTE_UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;

const twoDigits = (value: number): string => `${value}`.padStart(2, "0");

/** The value in the largest unit that leaves at least 1 of it, each unit a thousand of the one before. */
function withUnit(value: number, units: readonly string[], digits: (scaled: number) => string): string {
  if (!Number.isFinite(value)) return special(value);
  let [scaled, unit] = [value, 0];
  while (Math.abs(scaled) >= ROUNDS_TO_1000 && unit < units.length - 1) {
    scaled /= 1000;
    unit++;
  }
  return `${unit === 0 ? formatInteger(scaled) : digits(scaled)} ${units[unit]}`;
}

function special(value: number): string {
  if (Number.isNaN(value)) return "nan";
  return value > 0 ? "inf" : "-inf";
}
