"""What people work as, words for the same work together: a nurse may call herself a carer in the next turn."""

SAME_WORK = """
nurse | night nurse | staff nurse | registered nurse | midwife | carer | caregiver | care worker | nursing assistant
doctor | physician | surgeon | gp | paediatrician | pediatrician | medic
teacher | schoolteacher | primary teacher | kindergarten teacher | tutor | lecturer | professor | educator
lawyer | solicitor | attorney | barrister | paralegal
accountant | bookkeeper | auditor | actuary
engineer | mechanical engineer | civil engineer | electrical engineer
software engineer | software developer | developer | programmer | computer programmer | coder | data scientist
driver | bus driver | truck driver | lorry driver | taxi driver | trucker | delivery driver | courier
cook | chef | baker | pastry chef | line cook
waiter | waitress | barista | bartender | server
cashier | shop assistant | sales assistant | retail worker | salesperson | store manager | shopkeeper
farmer | farm worker | rancher | beekeeper
police officer | policeman | policewoman | cop | detective
firefighter | fireman
soldier | marine | army officer | sailor
paramedic | ambulance driver | emt
pharmacist | pharmacy technician
dentist | dental hygienist
therapist | psychologist | counsellor | counselor | psychotherapist | psychiatrist | social worker
librarian | archivist
journalist | reporter | editor | writer | author | novelist | copywriter
artist | painter | illustrator | designer | graphic designer | sculptor
musician | singer | drummer | guitarist | pianist | composer
actor | actress | dancer
photographer | videographer
mechanic | car mechanic
electrician | plumber | carpenter | joiner | builder | bricklayer | roofer | welder
cleaner | janitor | housekeeper | maid
hairdresser | barber | stylist | beautician
secretary | receptionist | office manager | administrator | assistant
manager | project manager | consultant | analyst | banker
pilot | flight attendant | air hostess
scientist | researcher | chemist | biologist | physicist
vet | veterinarian | zookeeper
student | university student | college student | phd student
security guard | bouncer | prison officer
fisherman | fisherwoman
pastor | priest | minister | imam | rabbi
translator | interpreter
dispatcher | call centre agent | call center agent
"""
_KIND: dict[str, str] = {
    word: words[0]
    for words in ([one.strip() for one in line.split("|")] for line in SAME_WORK.strip().splitlines())
    for word in words
}
OCCUPATIONS = tuple(_KIND)


def kind_of(occupation: str) -> str:
    """The first word of its line; the occupation itself where it is not listed."""
    return _KIND.get(occupation, occupation)
