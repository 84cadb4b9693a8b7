import type { Component } from "svelte";
import Clapperboard from "@lucide/svelte/icons/clapperboard";
import Radio from "@lucide/svelte/icons/radio";
import Split from "@lucide/svelte/icons/split";
import Users from "@lucide/svelte/icons/users";
import type { RoomType } from "$lib/api";
import * as m from "$lib/paraglide/messages";

interface TypeLook {
  icon: Component<{ size?: number }>;
  label: () => string;
  /** What it is for, in one sentence. */
  sentence: () => string;
}

/** The four room types in the order they are offered. */
export const roomTypes: readonly RoomType[] = ["meet", "live", "simulcast", "video"];

/** How each room type looks and what it is called. */
export const typeLooks: Readonly<Record<RoomType, TypeLook>> = {
  meet: { icon: Users, label: m.common_type_meet, sentence: m.admin_type_meet_sentence },
  live: { icon: Radio, label: m.common_type_live, sentence: m.admin_type_live_sentence },
  simulcast: { icon: Split, label: m.common_type_simulcast, sentence: m.admin_type_simulcast_sentence },
  video: { icon: Clapperboard, label: m.common_type_video, sentence: m.admin_type_video_sentence },
};

/** Tells whether a word is a room type. */
export function isRoomType(word: string): word is RoomType {
  return (roomTypes as readonly string[]).includes(word);
}
