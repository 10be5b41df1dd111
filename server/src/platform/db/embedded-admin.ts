import type pg from 'pg';
import { ADMIN_ROLE } from './embedded-cluster.ts';
import { EMBEDDED_PORT } from './embedded-layout.ts';

const CONNECT_TIMEOUT_MS = 10_000;

/** Superuser of the embedded database. For provisioning, restores and drills only, never for serving. */
export const adminConnectionAt =
  (socketFolder: string, password: string) =>
  (database = 'postgres'): pg.ClientConfig => ({
    host: socketFolder,
    port: EMBEDDED_PORT,
    user: ADMIN_ROLE,
    password,
    database,
    ssl: false, // said, or the driver would ask PGSSLMODE
    application_name: 'valtronics admin',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
