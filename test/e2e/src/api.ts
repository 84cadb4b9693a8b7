/** What the tests read of a room. */
export interface Room {
  id: string;
  room_name: string;
  room_type: string;
  moderator_token: string;
  participant_token: string;
  moderator_url: string;
  participant_url: string;
  room_url: string | null;
  room_access_code: string | null;
  room_metadata: Record<string, unknown>;
  limits: Record<string, number | null>;
  stream_key: string | null;
  ingest_urls: Record<string, { url: string; stream_key?: string }> | null;
  status: string;
  locked: boolean;
}

/** What the tests read of a join. */
export interface Joined {
  session: string;
  participant_id: string;
  role: string;
  endpoints: Record<string, string>;
}

/** The REST API, with the admin's key. */
export class Api {
  constructor(
    private readonly url: string,
    private readonly key: string,
  ) {}

  /** Makes a call and requires that it succeeds. */
  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await fetch(this.url + path, {
      method,
      headers: { authorization: `Bearer ${this.key}`, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }

  createRoom(room_type: string, room_name: string, more: object = {}): Promise<Room> {
    return this.call("POST", "/api/v1/rooms", { room_name, room_type, ...more });
  }

  room(id: string): Promise<Room> {
    return this.call("GET", `/api/v1/rooms/${id}`);
  }

  join(body: object): Promise<Joined> {
    return this.call("POST", "/api/v1/join", body);
  }

  stream(id: string): Promise<{ state: string; viewers: number }> {
    return this.call("GET", `/api/v1/rooms/${id}/stream`);
  }
}
