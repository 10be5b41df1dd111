/** Whom we trust and who we are, with one target. */
export interface TlsIdentity {
  /** Certificate authorities instead of the system's, PEM. */
  readonly ca?: string | undefined;
  /** Shown to a target that asks for it, PEM. */
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
}

/** As Node wants them: what is not given is left out, or it would count as given. */
export function tlsOptions({ ca, certificate, key }: TlsIdentity = {}): { ca?: string; cert?: string; key?: string } {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(certificate === undefined ? {} : { cert: certificate }),
    ...(key === undefined ? {} : { key }),
  };
}
