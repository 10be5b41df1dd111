/** What went wrong at the start, as one line that says what to do. Faults of ours keep their stack, on the line after. */
export function startupFault(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, address, port } = error as Error & { code?: string; address?: string; port?: number };
  if (code === 'EADDRINUSE')
    return `port ${port} is taken on ${address}: stop what uses it, or set VALTRONICS_HTTP_PORT or VALTRONICS_MQTT_PORT`;
  if (code === 'EACCES' && port !== undefined)
    return `port ${port} may not be opened by this user: choose one above 1023 with VALTRONICS_HTTP_PORT or VALTRONICS_MQTT_PORT`;
  // Errors we throw on purpose have a name of their own and a message that is complete.
  const isOurs =
    error.name !== 'Error' &&
    error.name.endsWith('Error') &&
    !(error instanceof TypeError || error instanceof RangeError);
  return isOurs || code !== undefined ? error.message.replaceAll(/\s*\n\s*/g, ' ') : `${error.stack ?? error.message}`;
}
