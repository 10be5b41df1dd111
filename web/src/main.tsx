import { z } from 'zod';

// Zod probes `eval` while a schema is built, which the content policy forbids: it has to be told before the contract loads, so
// everything else comes after it.
z.config({ jitless: true });

// Mantine sets this itself once it runs; set here, the first frame has the right background.
const stored = localStorage.getItem('mantine-color-scheme-value');
const systemIsDark = window.matchMedia('(prefers-color-scheme: dark)').matches;
document.documentElement.dataset.mantineColorScheme =
  stored === 'dark' || (stored !== 'light' && systemIsDark) ? 'dark' : 'light';

void import('./app.tsx').then(({ startApp }) => startApp());
