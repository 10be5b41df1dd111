import './ui/theme/base-styles.ts';
import './ui/theme/global.css';
import { MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { createBrowserRouter } from 'react-router';
import { RouterProvider } from 'react-router/dom';
import { createQueryClient } from './api/query-client.ts';
import { routes } from './routes.tsx';
import { styleNonce } from './ui/theme/style-nonce.ts';
import { cssVariables, theme } from './ui/theme/theme.ts';
import { Toasts } from './ui/toasts.tsx';

export function startApp() {
  const root = document.getElementById('root');
  if (!root) return;
  const queryClient = createQueryClient();
  const router = createBrowserRouter(routes);
  createRoot(root).render(
    <StrictMode>
      <MantineProvider
        theme={theme}
        cssVariablesResolver={cssVariables}
        defaultColorScheme="auto"
        getStyleNonce={styleNonce}
      >
        <QueryClientProvider client={queryClient}>
          <RouterProvider router={router} />
          <Toasts />
        </QueryClientProvider>
      </MantineProvider>
    </StrictMode>,
  );
}
