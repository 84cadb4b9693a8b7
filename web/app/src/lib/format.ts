import { getLocale } from "$lib/paraglide/runtime";
import * as m from "$lib/paraglide/messages";

/** A moment with day and time, in the reader's words and time zone. */
export function dateTime(time: string | null | undefined): string {
  return time ? new Intl.DateTimeFormat(getLocale(), { dateStyle: "medium", timeStyle: "short" }).format(new Date(time)) : "";
}

/** A day. */
export function day(time: string): string {
  return new Intl.DateTimeFormat(getLocale(), { dateStyle: "medium" }).format(new Date(time));
}

/** A time of day. */
export function clock(time: string): string {
  return new Intl.DateTimeFormat(getLocale(), { timeStyle: "short" }).format(new Date(time));
}

/** How long ago something began: "12 min", "3 h 5 min", "2 days". */
export function lasting(since: string, now: number): string {
  const minutes = Math.max(0, Math.floor((now - Date.parse(since)) / 60_000));
  if (minutes < 1) return m.admin_time_moments();
  if (minutes < 60) return m.admin_time_minutes({ minutes });
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? m.admin_time_hours({ hours }) : m.admin_time_hours_minutes({ hours, minutes: minutes % 60 });
  const days = Math.floor(hours / 24);
  return days === 1 ? m.admin_time_day() : m.admin_time_days({ days });
}

/** A whole number with the reader's thousands marks. */
export function count(value: number): string {
  return new Intl.NumberFormat(getLocale()).format(value);
}

/** A bit rate: "2.5 Mbit/s", "128 kbit/s". */
export function bitrate(bps: number): string {
  const digits = (value: number, places: number) => new Intl.NumberFormat(getLocale(), { maximumFractionDigits: places }).format(value);
  if (bps >= 1_000_000) return m.admin_rate_mega({ value: digits(bps / 1_000_000, 1) });
  return m.admin_rate_kilo({ value: digits(bps / 1000, 0) });
}

/** A size: "1.2 GB", "512 kB". */
export function size(bytes: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte", "petabyte"] as const;
  let step = 0;
  let value = bytes;
  while (value >= 1000 && step < units.length - 1) {
    value /= 1000;
    step++;
  }
  return new Intl.NumberFormat(getLocale(), { style: "unit", unit: units[step] ?? "byte", unitDisplay: "short", maximumFractionDigits: 1 }).format(value);
}

/** A span: "1 h 30 min", "45 s". */
export function span(seconds: number): string {
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const rest = seconds % 60;
  const parts = [
    hours > 0 ? m.admin_time_hours({ hours }) : "",
    minutes > 0 ? m.admin_time_minutes({ minutes }) : "",
    rest > 0 || seconds === 0 ? m.admin_time_seconds({ seconds: rest }) : "",
  ];
  return parts.filter((part) => part !== "").join(" ");
}
