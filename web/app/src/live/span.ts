/** A length of time as players write it: 0:05, 12:34, 1:02:03. */
export function spanWords(ms: number): string {
  const whole = Math.max(0, Math.round(ms / 1000));
  const [hours, minutes, seconds] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const tail = String(seconds).padStart(2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}
