"""The fleet: several replicas of a rock, a proxy and monitoring, as files for what runs them."""

from rockery.fleet.fleet import Fleet as Fleet
from rockery.fleet.fleet import fleet as fleet
from rockery.fleet.template import copy as copy
from rockery.fleet.template import write as write
