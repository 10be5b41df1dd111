import type { ClusterLayout } from './embedded-layout.ts';
import { EMBEDDED_PORT } from './embedded-layout.ts';

export type Settings = Record<string, string>;

/**
 * For a laptop with 2 cores and a few GB that also runs the server. Rewritten at every start; an operator's own tuning goes
 * through ALTER SYSTEM (postgresql.auto.conf), which wins over this file. What must hold is asserted by SHOW after the start.
 */
export function tuning(clusterName: string): Settings {
  return {
    // Durability: an acknowledged point is on the disk. A kill -9 of PostgreSQL cannot show the difference, a power cut does.
    fsync: 'on',
    full_page_writes: 'on',
    synchronous_commit: 'on',
    // Holds the hot end of today's partition and its indexes; the system's page cache holds the rest, so more buys little.
    shared_buffers: '256MB',
    // Sorts of a day of one series; at 30 busy sessions still under half a GB.
    work_mem: '8MB',
    maintenance_work_mem: '128MB',
    effective_cache_size: '1GB',
    // Bulk COPY writes WAL fast; checkpoints every 1 GB would write each hot page again and again. 4 GB at most on disk.
    max_wal_size: '4GB',
    min_wal_size: '160MB',
    checkpoint_timeout: '10min',
    checkpoint_completion_target: '0.9',
    // Full-page images compress well (pglz is in every build) and WAL is what the disk waits for.
    wal_compression: 'pglz',
    wal_buffers: '16MB',
    // No replica reads this WAL: "minimal" would also skip it for fresh tables, but base backups need "replica".
    wal_level: 'replica',
    max_wal_senders: '4',
    // Server pool, ingest, maintenance, migrations and an administrator's session, with room to spare. A session costs ~5–10 MB.
    max_connections: '60',
    // SSDs: a random page costs little more than the next one, so indexes are preferred as they should be.
    random_page_cost: '1.1',
    // Two cores: a query in parallel takes them from ingest.
    max_parallel_workers_per_gather: '1',
    max_parallel_workers: '2',
    max_worker_processes: '6',
    // Compiling a plan costs more than our short queries take, and the package's build may lack the provider.
    jit: 'off',
    // Telemetry is inserted, never updated: vacuum by inserts keeps index-only scans working; two workers for two cores.
    autovacuum_max_workers: '2',
    // Clients that vanish (a killed server) free their locks at once instead of at the end of a long query.
    client_connection_check_interval: '2s',
    password_encryption: 'scram-sha-256',
    // SQL errors reach the server through the driver, and their text can hold personal data: the log gets neither.
    log_min_messages: 'log',
    log_min_error_statement: 'panic',
    log_error_verbosity: 'terse',
    log_parameter_max_length: '0',
    log_parameter_max_length_on_error: '0',
    log_checkpoints: 'off',
    log_line_prefix: '',
    logging_collector: 'off',
    log_destination: 'stderr',
    lc_messages: 'C',
    timezone: 'UTC',
    log_timezone: 'UTC',
    // Part of every process title, by which leftovers are found where there is no /proc.
    cluster_name: clusterName,
  };
}

/** Given on the command line, which no file and no ALTER SYSTEM overrides: no TCP, one private socket. */
export function pinned(layout: ClusterLayout): Settings {
  return {
    listen_addresses: '',
    port: String(EMBEDDED_PORT),
    unix_socket_directories: layout.socketFolder,
    unix_socket_permissions: '0700',
    hba_file: `${layout.dataFolder}/pg_hba.conf`,
  };
}

export function asConfigurationFile(settings: Settings): string {
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'`);
  return `# Written by the server at every start. Use ALTER SYSTEM for settings of your own.\n${lines.join('\n')}\n`;
}

export function asArguments(settings: Settings): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}
