#ifndef SBL_FIGURES_H
#define SBL_FIGURES_H

#include "sbl.h"

/* Figures of a run: methods of its type, and functions of its module, sb.measure. */
extern const luaL_Reg sbl_figure_methods[], sbl_figure_functions[];

#endif
