import { ask, type Api } from "$lib/api";
import type { Customer, CustomerList, Subscription, SubscriptionList } from "$lib/api/schema.gen";
import type { ExactObject } from "../core/exact-json";
import { exactly, ifMatch, readAnswer, type Read } from "../core/read";

const asText = { parseAs: "text" } as const;
const mergePatch = { "Content-Type": "application/merge-patch+json" };

/** One page of customers. */
export function listCustomers(api: Api, cursor: string | null, limit = 50): Promise<CustomerList> {
  return ask(api.GET("/api/v1/customers", { params: { query: { limit, ...(cursor !== null && { cursor }) } } }));
}

/** One page of subscriptions, of one customer or of all. */
export function listSubscriptions(api: Api, cursor: string | null, customer = "", limit = 50): Promise<SubscriptionList> {
  return ask(api.GET("/api/v1/subscriptions", { params: { query: { limit, ...(customer !== "" && { customer_id: customer }), ...(cursor !== null && { cursor }) } } }));
}

/** The newest customers and subscriptions, for choices in forms and names in tables. */
export async function choices(api: Api): Promise<{ customers: Customer[]; subscriptions: Subscription[] }> {
  const [customers, subscriptions] = await Promise.all([listCustomers(api, null, 200), listSubscriptions(api, null, "", 200)]);
  return { customers: customers.items, subscriptions: subscriptions.items };
}

/** Reads a customer. */
export function readCustomer(api: Api, cid: string): Promise<Read<Customer>> {
  return readAnswer(api.GET("/api/v1/customers/{cid}", { params: { path: { cid } }, ...asText }));
}

/** Makes a customer. Bodies are exact, so that metadata's numbers arrive as they were typed. */
export function createCustomer(api: Api, body: ExactObject): Promise<Read<Customer>> {
  return readAnswer(api.POST("/api/v1/customers", { ...exactly(body), ...asText }));
}

/** Changes some of a customer. */
export function patchCustomer(api: Api, cid: string, patch: ExactObject, etag: string | null): Promise<Read<Customer>> {
  return readAnswer(
    api.PATCH("/api/v1/customers/{cid}", { params: { path: { cid }, header: ifMatch(etag) }, ...exactly(patch), headers: mergePatch, ...asText }),
  );
}

/** Deletes a customer that nothing uses. */
export async function deleteCustomer(api: Api, cid: string): Promise<void> {
  await ask(api.DELETE("/api/v1/customers/{cid}", { params: { path: { cid } } }));
}

/** Reads a subscription. */
export function readSubscription(api: Api, sid: string): Promise<Read<Subscription>> {
  return readAnswer(api.GET("/api/v1/subscriptions/{sid}", { params: { path: { sid } }, ...asText }));
}

/** Makes a subscription. */
export function createSubscription(api: Api, body: ExactObject): Promise<Read<Subscription>> {
  return readAnswer(api.POST("/api/v1/subscriptions", { ...exactly(body), ...asText }));
}

/** Changes some of a subscription. */
export function patchSubscription(api: Api, sid: string, patch: ExactObject, etag: string | null): Promise<Read<Subscription>> {
  return readAnswer(
    api.PATCH("/api/v1/subscriptions/{sid}", { params: { path: { sid }, header: ifMatch(etag) }, ...exactly(patch), headers: mergePatch, ...asText }),
  );
}

/** Deletes a subscription that no room uses. */
export async function deleteSubscription(api: Api, sid: string): Promise<void> {
  await ask(api.DELETE("/api/v1/subscriptions/{sid}", { params: { path: { sid } } }));
}
