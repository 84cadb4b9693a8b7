/**
 * JSON whose numbers stay what they are. JavaScript's Number rounds 12345678901234567890 and forgets the difference between 1.0 and 1;
 * metadata belongs to somebody else and must come back as it was sent. So numbers are kept as the text they were written in.
 */
export class ExactNumber {
  constructor(readonly text: string) {
    if (!isExactNumber(text)) throw new RangeError(`not a JSON number: ${text}`);
  }
}

/** Any JSON value, with exact numbers. */
export type Exact = string | boolean | null | ExactNumber | readonly Exact[] | { readonly [key: string]: Exact };

/** An object of exact values. */
export type ExactObject = { readonly [key: string]: Exact };

const number = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const stringOrNumber = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** Tells whether a text is one number in JSON's grammar. */
export function isExactNumber(text: string): boolean {
  return number.test(text);
}

/** Parses JSON text; throws a SyntaxError as JSON.parse does. */
export function parseExact(text: string): Exact {
  JSON.parse(text);
  // Strings get one mark before them and numbers become strings with another, so that nothing inside a string can look like a number.
  const marked = text.replace(stringOrNumber, (token) => (token.startsWith('"') ? `"s${token.slice(1)}` : `"n${token}"`));
  return unmark(JSON.parse(marked));
}

function unmark(value: unknown): Exact {
  if (typeof value === "string") return value.startsWith("n") ? new ExactNumber(value.slice(1)) : value.slice(1);
  if (Array.isArray(value)) return value.map(unmark);
  if (typeof value === "object" && value !== null) return Object.fromEntries(Object.entries(value).map(([key, one]) => [key.slice(1), unmark(one)]));
  return value as boolean | null;
}

/** Writes an exact value as JSON text. */
export function writeExact(value: Exact): string {
  if (value instanceof ExactNumber) return value.text;
  if (Array.isArray(value)) return `[${value.map(writeExact).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    return `{${Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}:${writeExact(one)}`).join(",")}}`;
  }
  return JSON.stringify(value);
}

/** One member of a parsed object, if that member is an object itself. */
export function memberObject(document: Exact, member: string): ExactObject {
  if (!isObject(document)) return {};
  const found = document[member];
  return found !== undefined && isObject(found) ? found : {};
}

function isObject(value: Exact): value is ExactObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber);
}
