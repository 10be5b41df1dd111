/** `refused`: this target is not allowed, now or later. Others may pass. Messages may be shown to whoever configured the target. */
export class OutboundError extends Error {
  override readonly name = 'OutboundError';
  readonly reason: 'refused' | 'unreachable' | 'timeout' | 'bad_answer';

  constructor(reason: OutboundError['reason'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}
