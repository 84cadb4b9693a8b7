import { ask, type Api } from "$lib/api";
import type { Customer, CustomerList, Subscription, SubscriptionList } from "$lib/api/schema.gen";

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
