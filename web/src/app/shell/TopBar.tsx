/** Top bar: name, search, demo badge, theme, and the state of the connection. */

import { Link } from '@tanstack/react-router'
import { Monitor, Moon, Search, Sun } from 'lucide-react'
import type { ReactNode } from 'react'
import { IconButton } from '../../components/ui/Button.tsx'
import { Kbd } from '../../components/ui/Surface.tsx'
import { t } from '../../lib/i18n.ts'
import { cycleTheme, type ThemeChoice, useThemeChoice } from '../../lib/theme.ts'
import { DemoBadge } from './DemoBadge.tsx'
import { LiveLabel } from './LiveLabel.tsx'

export function TopBar({ onSearch }: { readonly onSearch: () => void }): ReactNode {
  return (
    <header className="col-span-2 flex h-13 items-center gap-2 border-b border-line bg-surface px-3 md:px-4">
      <Link
        to="/"
        aria-label={t('app.name')}
        className="flex items-center gap-2.5 rounded-control pe-2"
      >
        <Logo />
        <span className="hidden text-base font-semibold tracking-[-0.015em] xs:inline">
          {t('app.name')}
        </span>
      </Link>
      <div className="flex-1" />
      <button
        type="button"
        onClick={onSearch}
        className="flex h-8 items-center gap-2 rounded-control border border-line-strong bg-bg px-2.5 text-sm text-muted transition-colors hover:bg-inset md:w-60"
      >
        <Search size={15} aria-hidden />
        <span className="sr-only flex-1 text-start md:not-sr-only">{t('search.open')}</span>
        <span aria-hidden className="hidden md:inline-flex">
          <Kbd>Ctrl K</Kbd>
        </span>
      </button>
      <DemoBadge />
      <ThemeButton />
      <LiveLabel />
    </header>
  )
}

const ICONS: Readonly<Record<ThemeChoice, typeof Sun>> = {
  system: Monitor,
  light: Sun,
  dark: Moon,
}

function ThemeButton(): ReactNode {
  const choice = useThemeChoice()
  const Icon = ICONS[choice]
  const label = t('theme.next', { theme: t(`theme.${choice}`) })
  return <IconButton aria-label={label} icon={<Icon size={16} />} onClick={cycleTheme} />
}

function Logo(): ReactNode {
  return (
    <svg viewBox="0 0 32 32" className="size-7 shrink-0" aria-hidden fill="none">
      <rect width="32" height="32" rx="8" className="fill-accent" />
      <g className="stroke-on-accent" strokeWidth="2.4" strokeLinecap="round">
        <path d="M11.2 11.6a6.2 6.2 0 0 0 0 8.8M20.8 11.6a6.2 6.2 0 0 1 0 8.8" />
        <path d="M7.4 8a11.3 11.3 0 0 0 0 16M24.6 8a11.3 11.3 0 0 1 0 16" />
      </g>
      <circle cx="16" cy="16" r="2.6" className="fill-on-accent" />
    </svg>
  )
}
