import * as m from "$lib/paraglide/messages";
import { toast } from "$lib/ui";
import type { Room } from "../room/room.svelte";

/** Tells in passing what happens in a room that is watched. Gives what ends it. */
export function tellLiveNews(room: Room): () => void {
  room.news = {
    warned: (seconds) => toast.warning(seconds < 120 ? m.room_warning_minute() : m.room_warning_minutes({ minutes: Math.round(seconds / 60) }), { duration: 20_000 }),
  };
  room.chat.onmessage = ({ name, text }) => room.announcer.say(m.room_chat_said({ name: name || m.room_guest(), text: text.slice(0, 200) }));
  return () => {
    room.news = {};
    room.chat.onmessage = null;
  };
}
