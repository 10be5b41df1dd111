import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';
import type { Provider } from './provider.ts';

const columns = sql`
  id, organisation_id as "organisationId", slug, name, issuer, client_id as "clientId", groups_scope as "groupsScope",
  groups_claim as "groupsClaim", role_mapping as "roleMapping", default_role as "defaultRole", manages_role as "managesRole",
  jit_enabled as "jitEnabled", email_domains as "emailDomains", trusts_second_factor as "trustsSecondFactor",
  accepted_acr as "acceptedAcr", accepted_amr as "acceptedAmr", max_auth_age_seconds as "maxAuthAgeSeconds", enabled, listed,
  created_at as "createdAt"`;

export async function listProviders(reader: Reader, limit: number): Promise<Provider[]> {
  const { rows } = await sql<Provider>`
    select ${columns} from identity_providers order by lower(name), id limit ${limit}`.execute(reader.db);
  return rows;
}

export async function findProvider(reader: Reader, id: string): Promise<Provider | undefined> {
  return (await sql<Provider>`select ${columns} from identity_providers where id = ${id}`.execute(reader.db)).rows[0];
}

export type ProviderWithSecret = Provider & { readonly secretSealed: Buffer };

/** With its secret, still sealed. */
export async function findEnabledProvider(reader: Reader, id: string): Promise<ProviderWithSecret | undefined> {
  const { rows } = await sql<ProviderWithSecret>`
    select ${columns}, client_secret_sealed as "secretSealed"
    from identity_providers where id = ${id} and enabled`.execute(reader.db);
  return rows[0];
}

/** An enabled provider by the name in an address, before anybody has said which organisation they are of. */
export async function findProviderBySlug(
  reader: Reader,
  slug: string,
): Promise<{ providerId: string; organisationId: number } | undefined> {
  const { rows } = await sql<{ providerId: string; organisationId: number }>`
    select provider_id as "providerId", organisation_id as "organisationId"
    from find_identity_provider(${slug})`.execute(reader.db);
  return rows[0];
}

export async function listOfferedProviders(reader: Reader): Promise<{ slug: string; name: string }[]> {
  return (await sql<{ slug: string; name: string }>`select slug, name from list_offered_providers()`.execute(reader.db))
    .rows;
}

/** How many there are, after making those who add one take turns. */
export async function countProviders(tx: WriteTx, organisationId: number): Promise<number> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`identity_providers:${organisationId}`}, 0))`.execute(
    tx.db,
  );
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from identity_providers`.execute(tx.db);
  return rows[0]?.count ?? 0;
}

/** False when the slug is taken, in whichever organisation, or the issuer in this one. */
export async function insertProvider(tx: WriteTx, provider: Provider, secretSealed: Buffer): Promise<boolean> {
  const inserted = await sql`
    insert into identity_providers (id, organisation_id, slug, name, issuer, client_id, client_secret_sealed, groups_scope, groups_claim,
      role_mapping, default_role, manages_role, jit_enabled, email_domains, trusts_second_factor, accepted_acr, accepted_amr,
      max_auth_age_seconds, enabled, listed, created_at, updated_at)
    values (${provider.id}, ${provider.organisationId}, ${provider.slug}, ${provider.name}, ${provider.issuer}, ${provider.clientId},
      ${secretSealed}, ${provider.groupsScope}, ${provider.groupsClaim}, ${JSON.stringify(provider.roleMapping)}::jsonb,
      ${provider.defaultRole}, ${provider.managesRole}, ${provider.jitEnabled}, ${[...provider.emailDomains]}::text[],
      ${provider.trustsSecondFactor}, ${[...provider.acceptedAcr]}::text[], ${[...provider.acceptedAmr]}::text[],
      ${provider.maxAuthAgeSeconds}, ${provider.enabled}, ${provider.listed}, ${provider.createdAt}, clock_timestamp())
    on conflict do nothing returning id`.execute(tx.db);
  return inserted.rows.length > 0;
}

/** Issuer and slug are what people's links rest on, so they are never changed. Null: the secret stays. */
export async function updateProvider(tx: WriteTx, provider: Provider, secretSealed: Buffer | null): Promise<void> {
  await sql`
    update identity_providers set name = ${provider.name}, client_id = ${provider.clientId},
      client_secret_sealed = coalesce(${secretSealed}::bytea, client_secret_sealed),
      groups_scope = ${provider.groupsScope}, groups_claim = ${provider.groupsClaim},
      role_mapping = ${JSON.stringify(provider.roleMapping)}::jsonb, default_role = ${provider.defaultRole},
      manages_role = ${provider.managesRole}, jit_enabled = ${provider.jitEnabled},
      email_domains = ${[...provider.emailDomains]}::text[], trusts_second_factor = ${provider.trustsSecondFactor},
      accepted_acr = ${[...provider.acceptedAcr]}::text[], accepted_amr = ${[...provider.acceptedAmr]}::text[],
      max_auth_age_seconds = ${provider.maxAuthAgeSeconds}, enabled = ${provider.enabled}, listed = ${provider.listed},
      updated_at = clock_timestamp()
    where id = ${provider.id}`.execute(tx.db);
}

export async function deleteProvider(tx: WriteTx, id: string): Promise<void> {
  await sql`delete from identity_providers where id = ${id}`.execute(tx.db);
}
