import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from '@mantine/core';

const teal: MantineColorsTuple = [
  '#e6f7f5',
  '#cdeeea',
  '#9fdfd8',
  '#6ccfc4',
  '#45c0b3',
  '#25ab9d',
  '#149185',
  '#0b7a70',
  '#07625a',
  '#044a44',
];
const gray: MantineColorsTuple = [
  '#f8f9f9',
  '#f1f2f3',
  '#e6e8ea',
  '#d9dcdf',
  '#c3c7cc',
  '#9aa0a7',
  '#6d747c',
  '#4a5057',
  '#2f3439',
  '#191c1f',
];
const dark: MantineColorsTuple = [
  '#d5d8db',
  '#b4b9be',
  '#969da4',
  '#646b73',
  '#363b41',
  '#292d32',
  '#1f2226',
  '#141619',
  '#0f1113',
  '#0a0b0d',
];

const quick = { transition: 'fade', duration: 100 } as const;

/** The heading of a dialog is no banner of the page. */
const dialogParts = { header: { role: 'presentation' } };

export const theme = createTheme({
  colors: { teal, gray, dark },
  primaryColor: 'teal',
  primaryShade: { light: 7, dark: 7 },
  black: '#191c1f',
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, "Liberation Mono", Consolas, monospace',
  fontSizes: { xs: '0.75rem', sm: '0.8125rem', md: '0.875rem', lg: '1rem', xl: '1.25rem' },
  spacing: { xs: '0.5rem', sm: '0.75rem', md: '1rem', lg: '1.5rem', xl: '2rem' },
  radius: { xs: '2px', sm: '4px', md: '6px', lg: '8px', xl: '12px' },
  defaultRadius: 'sm',
  headings: {
    fontWeight: '600',
    sizes: {
      h1: { fontSize: '1.25rem', lineHeight: '1.75rem' },
      h2: { fontSize: '1rem', lineHeight: '1.5rem' },
      h3: { fontSize: '0.875rem', lineHeight: '1.25rem' },
    },
  },
  cursorType: 'pointer',
  respectReducedMotion: true,
  // Written without the components: the sign-in page loads this file and few of them.
  components: {
    ActionIcon: { defaultProps: { variant: 'subtle', color: 'gray' } },
    Badge: { defaultProps: { radius: 'sm', variant: 'default', tt: 'none', fw: 500 } },
    Button: { defaultProps: { size: 'xs' } },
    Drawer: { defaultProps: { transitionProps: { duration: 120 }, attributes: dialogParts } },
    Input: { defaultProps: { size: 'sm' } },
    // The placeholder is no item of the menu, which a screen reader is told it holds; the first item takes the focus.
    Menu: { defaultProps: { transitionProps: quick, shadow: 'md', withInitialFocusPlaceholder: false } },
    Modal: { defaultProps: { transitionProps: quick, yOffset: '10vh', attributes: dialogParts } },
    Paper: { defaultProps: { withBorder: true, radius: 'md' } },
    Popover: { defaultProps: { transitionProps: quick, shadow: 'md' } },
    Skeleton: { defaultProps: { radius: 'sm' } },
    Tabs: { defaultProps: { keepMounted: false } },
    Tooltip: { defaultProps: { transitionProps: quick, openDelay: 250, withArrow: false } },
  },
});

/** Mantine's own dimmed, placeholder and error colours miss AA on our greys. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-dimmed': '#5b636b',
    '--mantine-color-placeholder': '#6d747c',
    '--mantine-color-error': '#b42318',
    '--mantine-color-anchor': '#0b7a70',
  },
  dark: {
    '--mantine-color-body': '#141619',
    '--mantine-color-dimmed': '#969da4',
    '--mantine-color-placeholder': '#858c94',
    '--mantine-color-error': '#ff8a80',
    '--mantine-color-anchor': '#45c0b3',
  },
});
