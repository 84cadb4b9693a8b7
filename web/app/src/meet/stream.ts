/** Shows a stream in a video or audio element: `{@attach showing(stream)}`. */
export function showing(stream: MediaStream | null): (element: HTMLMediaElement) => () => void {
  return (element) => {
    if (element.srcObject !== stream) element.srcObject = stream;
    return () => {
      element.srcObject = null;
    };
  };
}

/** The letters that stand for somebody without a picture. */
export function initialsOf(name: string): string {
  const words = name.trim().split(/\s+/).filter((word) => word !== "");
  const letters = words.length > 1 ? [words[0], words.at(-1)] : words;
  return letters.map((word) => [...(word ?? "")][0] ?? "").join("").toLocaleUpperCase();
}

/** One of six hues, always the same for the same person. */
export function hueOf(id: string): number {
  let sum = 0;
  for (const letter of id) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 9973;
  return sum % 6;
}
