import type { Subscription } from "$lib/api/schema.gen";
import * as m from "$lib/paraglide/messages";
import { day } from "$lib/format";

/** From when until when a subscription holds, in words. */
export function periodWords(plan: Pick<Subscription, "starts_at" | "ends_at">): string {
  if (plan.starts_at && plan.ends_at) return m.admin_period_both({ start: day(plan.starts_at), end: day(plan.ends_at) });
  if (plan.starts_at) return m.admin_period_from({ start: day(plan.starts_at) });
  if (plan.ends_at) return m.admin_period_until({ end: day(plan.ends_at) });
  return m.admin_period_open();
}

/** What a subscription's rooms feel of it now: its status, or that it has not begun or has ended. */
export function standing(plan: Pick<Subscription, "status" | "starts_at" | "ends_at">, now: number): { label: string; tone: "ok" | "warn" | "neutral" } {
  if (plan.status === "suspended") return { label: m.admin_status_suspended(), tone: "warn" };
  if (plan.status === "canceled") return { label: m.admin_status_canceled(), tone: "neutral" };
  if (plan.starts_at && Date.parse(plan.starts_at) > now) return { label: m.admin_status_not_begun(), tone: "neutral" };
  if (plan.ends_at && Date.parse(plan.ends_at) <= now) return { label: m.admin_status_ended(), tone: "neutral" };
  return { label: m.admin_status_on(), tone: "ok" };
}
