import * as m from "$lib/paraglide/messages";
import { toast } from "$lib/ui";
import type { Meeting, MeetingNews } from "./meeting.svelte";

const news: Record<MeetingNews, () => void> = {
  muted_by_moderator: () => toast.info(m.meet_news_muted()),
  joined_muted: () => toast.info(m.meet_news_joined_muted()),
  microphone_lost: () => toast.error(m.meet_news_microphone_lost()),
  camera_lost: () => toast.error(m.meet_news_camera_lost()),
  screen_failed: () => toast.error(m.meet_news_screen_failed()),
  publish_refused: () => toast.error(m.meet_news_publish_refused()),
};

/** Above this many people, coming and going is not told one by one. */
const intimate = 12;

/** Tells in passing what happens in a meeting: in toasts, and aloud in the live region. Gives what ends it. */
export function tellNews(meeting: Meeting): () => void {
  const { room } = meeting;
  const { announcer } = room;
  const nameOf = (name: string) => name || m.room_guest();
  meeting.onnews = (one) => news[one]();
  room.news = {
    joined: ({ name }) => {
      if (room.total <= intimate) announcer.say(m.room_joined({ name: nameOf(name) }));
    },
    left: ({ name }, reason) => {
      if (room.total <= intimate) announcer.say(reason === "removed" ? m.room_removed({ name: nameOf(name) }) : m.room_left({ name: nameOf(name) }));
    },
    hand: ({ id, name }) => {
      if (id !== room.you?.id) toast(m.meet_hand_raised({ name: nameOf(name) }));
    },
    warned: (seconds) => toast.warning(seconds < 120 ? m.room_warning_minute() : m.room_warning_minutes({ minutes: Math.round(seconds / 60) }), { duration: 20_000 }),
  };
  room.chat.onmessage = ({ name, text }) => announcer.say(m.room_chat_said({ name: nameOf(name), text: text.slice(0, 200) }));
  return () => {
    meeting.onnews = null;
    room.news = {};
    room.chat.onmessage = null;
  };
}
