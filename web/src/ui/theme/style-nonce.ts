const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? '';

// Mantine's overlays lock scrolling through a library that looks for the nonce under this global name.
(globalThis as { __webpack_nonce__?: string }).__webpack_nonce__ = nonce;

/** The nonce the server wrote into this page; `<style>` elements without it are refused by the content policy. */
export const styleNonce = () => nonce;
