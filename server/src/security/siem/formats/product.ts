import manifest from '../../../../package.json' with { type: 'json' };

/** Who says so, to a SIEM that hears from many. */
export const PRODUCT_VERSION: string = manifest.version;
