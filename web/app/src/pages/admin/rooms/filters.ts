import type { RoomType } from "$lib/api";
import type { Room } from "$lib/api/schema.gen";
import { isRoomType } from "../core/room-types";

/** A room's status, as the API names it. */
export type RoomStatus = Room["status"];

/** The statuses in the order they are offered. */
export const roomStatuses: readonly RoomStatus[] = ["active", "idle", "suspended"];

/** What the rooms list is narrowed to. It lives in the address, so that a list can be bookmarked and shared. */
export interface RoomFilters {
  q: string;
  type: RoomType | "";
  status: RoomStatus | "";
  customer: string;
  subscription: string;
}

/** How the rooms that were read are ordered; "" is the API's own order, newest first. */
export type RoomSort = "" | "name" | "-name" | "type" | "-type" | "created";

const sorts: readonly string[] = ["name", "-name", "type", "-type", "created"];

/** The filters that an address names; what it says wrongly counts as not said. */
export function filtersOf(query: URLSearchParams): RoomFilters {
  const type = query.get("type") ?? "";
  const status = query.get("status") ?? "";
  return {
    q: query.get("q") ?? "",
    type: isRoomType(type) ? type : "",
    status: roomStatuses.find((one) => one === status) ?? "",
    customer: query.get("customer") ?? "",
    subscription: query.get("subscription") ?? "",
  };
}

/** The order that an address names. */
export function sortOf(query: URLSearchParams): RoomSort {
  const sort = query.get("sort") ?? "";
  return sorts.includes(sort) ? (sort as RoomSort) : "";
}

/** Whether anything is narrowed at all. */
export function isNarrowed(filters: RoomFilters): boolean {
  return Object.values(filters).some((value) => value !== "");
}

/** The filters as the API's query. */
export function apiQuery(filters: RoomFilters): { q?: string; room_type?: RoomType; status?: RoomStatus; customer_id?: string; subscription_id?: string } {
  return {
    ...(filters.q !== "" && { q: filters.q }),
    ...(filters.type !== "" && { room_type: filters.type }),
    ...(filters.status !== "" && { status: filters.status }),
    ...(filters.customer !== "" && { customer_id: filters.customer }),
    ...(filters.subscription !== "" && { subscription_id: filters.subscription }),
  };
}

/** Rooms in an order; those that came earlier stay earlier among equals. */
export function sorted(rooms: readonly Room[], sort: RoomSort): readonly Room[] {
  if (sort === "") return rooms;
  const words = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  const by = sort.replace("-", "");
  const sign = sort.startsWith("-") ? -1 : 1;
  return rooms.toSorted((a, b) => {
    if (by === "name") return sign * words.compare(a.room_name, b.room_name);
    if (by === "type") return sign * words.compare(a.room_type, b.room_type);
    return sign * (Date.parse(a.created_at) - Date.parse(b.created_at));
  });
}

/** The next order when a column's heading is pressed: up, down, and back to newest first. */
export function nextSort(now: RoomSort, column: "name" | "type" | "created"): RoomSort {
  if (column === "created") return now === "created" ? "" : "created";
  if (now === column) return `-${column}`;
  return now === `-${column}` ? "" : column;
}
